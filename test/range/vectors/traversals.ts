/** What a traversal is made of: a step up and a separator, each in many spellings, poured into base spellings. */

/** Spellings of `..`. */
const steps: readonly string[] = [
  "..",
  "%2e%2e",
  "%2E.",
  ".%2e",
  "%252e%252e",
  "%25252e%25252e",
  "%c0%ae%c0%ae",
  "%e0%80%ae%e0%80%ae",
  "%f0%80%80%ae%f0%80%80%ae",
  "%u002e%u002e",
  "%uff0e%uff0e",
  "%ef%bc%8e%ef%bc%8e",
  "%e2%80%a4%e2%80%a4",
  "%%32%65%%32%65",
  "..;",
  "%2e%2e;",
  "..;a=b",
  "..%3b",
  "..%20",
  "%20..",
  "..%00",
  "..%09",
  ".%00.",
  "....",
  "...",
  "..\0",
  "..%0d%0a",
  "..%ff",
];

/** Spellings of `/`. */
const separators: readonly string[] = [
  "/",
  "//",
  "/./",
  "\\",
  "\\/",
  "%2f",
  "%2F",
  "%252f",
  "%25252f",
  "%5c",
  "%255c",
  "%c0%af",
  "%c1%9c",
  "%e0%80%af",
  "%u002f",
  "%u2215",
  "%ef%bc%8f",
  "%ef%bc%bc",
  "%e2%88%95",
  "%e2%81%84",
  "%%32%66",
  ";/",
  ";x=1/",
  "/;/",
  "/%20/",
  "/.;/",
];

/** Where the walk starts and how far it goes; U is a step, S a separator. All of them mean /admin/secret. */
const bases: readonly string[] = [
  "/publicSUSadminSsecret",
  "/public/USadmin/secret",
  "/publicSU/admin/secret",
  "/publicSUSadmin/secret",
  "/public/aSUSUSadmin/secret",
  "/public/a/bSUSUSUSadmin/secret",
  "/publicSUSUSUSUSUSadminSsecret",
  "/publicSSUSadmin/secret",
  "/public/SUSadmin/secret",
  "/public/a.css/USUSadmin/secret",
  "/publicSUSADMIN/secret",
  "/publicSUSadmin/secret.",
  "/publicSUSadmin/secret%20",
  "/publicSUSadmin/secret;.css",
  "/publicSUSadmin/secret?x=.css",
  "/publicSUSadmin/secret#x",
  "/publicSUSadmin/secretS",
  "/publicSUSadmin/secretS.",
  "/publicSUSpublicSUSadmin/secret",
  "/orders/1SUSUSadmin/secret",
  "/orders/1SUSUSpublicSUSadmin/secret",
  "/loginSUSadmin/secret",
  "/items/1SUSUSadmin/secret",
  "/USadmin/secret",
  "/USUSUSadmin/secret",
  "SadminSsecret",
  "/adminSsecret",
  "/adminSxSUSsecret",
  "/publicSUSaSUSadmin/secret",
  "/publicSUS%61dmin/secret",
];

/** All spellings, each once, in a fixed order. */
export function traversals(): string[] {
  const found = new Set<string>();
  for (const base of bases) {
    for (const step of steps) {
      for (const separator of separators) {
        // A function as replacement: `$` in a spelling is itself.
        found.add(base.replace(/[US]/g, (letter) => (letter === "U" ? step : separator)));
      }
    }
  }
  return [...found];
}

/** Every n-th spelling, so that about `count` remain and every base, step and separator is among them. */
export function sample(spellings: readonly string[], count: number): string[] {
  // A stride that shares no factor with the table sizes walks through all combinations.
  let stride = Math.max(1, Math.floor(spellings.length / count));
  while (stride % 2 === 0 || stride % 7 === 0 || stride % 13 === 0) stride++;
  return spellings.filter((_, index) => index % stride === 0);
}
