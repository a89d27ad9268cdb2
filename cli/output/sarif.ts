/** One finding with its place, as code scanners show it (SARIF 2.1.0). */
export interface SarifFinding {
  readonly code: string;
  readonly level: "error" | "warning" | "note";
  readonly message: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

export interface SarifRule {
  readonly code: string;
  readonly name: string;
  readonly text: string;
}

export function printSarif(version: string, rules: readonly SarifRule[], findings: readonly SarifFinding[]): string {
  const document = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "picket",
            version,
            rules: rules.map(({ code, name, text }) => ({ id: code, name, shortDescription: { text } })),
          },
        },
        results: findings.map(({ code, level, message, file, line }) => ({
          ruleId: code,
          level,
          message: { text: message },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: file.split("/").map(encodeURIComponent).join("/") },
                region: { startLine: Math.max(1, line) },
              },
            },
          ],
        })),
      },
    ],
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
