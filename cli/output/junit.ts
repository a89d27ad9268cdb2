/** One case of a JUnit report, as build servers read it. */
export interface JunitCase {
  readonly suite: string;
  readonly name: string;
  readonly seconds: number;
  /** Why it failed; undefined when it passed. */
  readonly failure?: { readonly message: string; readonly details: string } | undefined;
}

export function printJunit(name: string, cases: readonly JunitCase[]): string {
  const failures = (list: readonly JunitCase[]): number => list.filter(({ failure }) => failure !== undefined).length;
  const suites = [...Map.groupBy(cases, ({ suite }) => suite)].map(([suite, list]) => {
    const seconds = list.reduce((sum, one) => sum + one.seconds, 0);
    const head = `  <testsuite name="${xml(suite)}" tests="${list.length}" failures="${failures(list)}" time="${seconds.toFixed(6)}">\n`;
    return `${head}${list.map(printCase).join("")}  </testsuite>\n`;
  });
  const totals = `name="${xml(name)}" tests="${cases.length}" failures="${failures(cases)}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${totals}>\n${suites.join("")}</testsuites>\n`;
}

function printCase({ suite, name, seconds, failure }: JunitCase): string {
  const open = `    <testcase classname="${xml(suite)}" name="${xml(name)}" time="${seconds.toFixed(6)}"`;
  if (failure === undefined) return `${open}/>\n`;
  return `${open}>\n      <failure message="${xml(failure.message)}">${xml(failure.details)}</failure>\n    </testcase>\n`;
}

/** Text inside an element or attribute; what XML 1.0 cannot hold becomes U+FFFD. */
function xml(text: string): string {
  return [...text.toWellFormed()]
    .map((letter) => {
      const code = letter.codePointAt(0) ?? 0;
      if ((code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) || code === 0xfffe || code === 0xffff)
        return "\ufffd";
      return entities[letter] ?? letter;
    })
    .join("");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\n": "&#10;",
  "\r": "&#13;",
  "\t": "&#9;",
};
