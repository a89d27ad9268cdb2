import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { CommandError, printError } from "./errors.ts";
import { exitCodes, type Shell } from "./shell.ts";

/** Formats by kind of command; the lists of output/result.ts, which is loaded only when a command runs. */
const resultFormats = ["table", "wide", "json", "yaml", "name"] as const;
const checkFormats = ["table", "json", "yaml", "junit"] as const;
const findingFormats = ["table", "json", "yaml", "sarif", "junit"] as const;

/** Which cluster and what of it, in kubectl's own words. */
interface ClusterOptions {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly context?: string;
  readonly kubeconfig?: string;
}

function clusterOptions(command: Command, { allNamespaces = true } = {}): Command {
  command.option("-n, --namespace <name>", "namespace of the cluster");
  if (allNamespaces) command.option("-A, --all-namespaces", "all namespaces of the cluster");
  return command
    .option("--context <name>", "context of the kubeconfig")
    .option("--kubeconfig <file>", "kubeconfig, as kubectl takes it");
}

/** Runs one command line and gives its exit code. Nothing is thrown: what goes wrong is told on stderr. */
export async function runCommandLine(args: readonly string[], shell: Shell): Promise<number> {
  let code: number = exitCodes.fine;
  const program = createProgram(shell, (answer) => {
    code = answer;
  });
  try {
    const asked = args[0] === "--version" || args[0] === "-V" ? ["version"] : args;
    await program.parseAsync(asked, { from: "user" });
    return code;
  } catch (error) {
    return tell(shell, error, helpOf(shell, program, args));
  }
}

/** `picket policy test --help`: the help of the command that the arguments name. */
function helpOf(shell: Shell, program: Command, args: readonly string[]): string {
  let command = program;
  let path: string = shell.name ?? "picket";
  for (const word of args) {
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) break;
    command = next;
    path += ` ${word}`;
  }
  return `${path} --help`;
}

function tell(shell: Shell, error: unknown, help: string): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.fine;
    const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
    // Without a command, the help is the answer, and it is printed already.
    if (error.code === "commander.help") return exitCodes.usage;
    const near = /\(?Did you mean (?:one of )?(.*?)\?\)?$/.exec(rest.join(" "))?.[1];
    const fix = near === undefined ? help : `did you mean ${near}?`;
    printError(shell, { code: "PKT0901", message: first, fix });
    return exitCodes.usage;
  }
  if (error instanceof CommandError) {
    printError(shell, error);
    return error.exit;
  }
  const message = error instanceof Error ? error.message : "unknown fault";
  printError(shell, { code: "PKT0909", message: `a fault inside picket: ${message}`, fix: "report it with this text" });
  if (shell.environment["PICKET_LOG_LEVEL"] === "debug" && error instanceof Error)
    shell.stderr.write(`${error.stack}\n`);
  return exitCodes.usage;
}

interface Facts {
  readonly name: string;
  readonly summary: string;
  /** Three, as people would type them. */
  readonly examples: readonly [string, string, string];
}

type Done = (code: number) => void;

/** The command tree: names, options and help. What a command does is loaded when it runs. */
export function createProgram(shell: Shell, done: Done): Command {
  const name = shell.name ?? "picket";
  const program = describe(new Command(name), {
    name,
    summary: "Protection of APIs: every request judged by a policy, through Envoy.",
    examples: ["picket demo", "picket run examples/bank", "picket policy test examples/bank/tests"],
  })
    .exitOverride()
    .enablePositionalOptions()
    .showSuggestionAfterError(true)
    .configureOutput({
      writeOut: (text) => void shell.stdout.write(text),
      // Usage errors come back as exceptions and are told in one form; this is the help that was not asked for.
      outputError: () => undefined,
      writeErr: (text) => void shell.stderr.write(text),
      getOutHelpWidth: () => Math.min(shell.stdout.columns ?? 80, 120),
    });
  addRun(program, shell, done);
  addLook(program, shell, done);
  addPolicy(program, shell, done);
  addOwn(program, shell, done);
  return program;
}

function describe(command: Command, { summary, examples }: Facts): Command {
  const print = (): string => {
    const name = rootOf(command).name();
    return examples.map((example) => `  ${example.replace(/(^|\(|;|\| )picket /, `$1${name} `)}\n`).join("");
  };
  return command
    .summary(summary)
    .description(summary)
    .addHelpText("before", () => `Examples:\n${print()}`);
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}

function add(parent: Command, facts: Facts): Command {
  return describe(parent.command(facts.name), facts);
}

function outputOption(choices: readonly string[]): Option {
  return new Option("-o, --output <format>", "form of the result").choices(choices).default("table");
}

function reachOptions(command: Command): Command {
  return command
    .option("--status-address <host:port>", "where a running Picket answers")
    .option("--state-dir <folder>", "state folder of the run");
}

interface ReachOptions {
  readonly statusAddress?: string;
  readonly stateDir?: string;
}

function addRun(program: Command, shell: Shell, done: Done): void {
  add(program, {
    name: "run <folder>",
    summary: "protect the workloads of a folder on this machine",
    examples: [
      "picket run examples/bank",
      "picket run policies --status-address 127.0.0.1:16021",
      "picket run policies --state-dir /var/lib/picket -o json",
    ],
  })
    .option("--status-address <host:port>", "where to answer about itself, default 127.0.0.1:15021")
    .option("--state-dir <folder>", "where to keep status, decisions and last good generations")
    .addOption(new Option("--log-format <form>", "form of log lines").choices(["text", "json"]))
    .addOption(
      new Option("--log-level <level>", "least level that is logged").choices(["debug", "info", "warn", "error"]),
    )
    .addOption(
      new Option("-o, --output <format>", "what happens, as text or one JSON event a line")
        .choices(["table", "json"])
        .default("table"),
    )
    .action(async (folder: string, options: RunFlags) => {
      const { run } = await import("./run.ts");
      const { environment } = shell;
      done(
        await run({
          folder,
          statusAddress: options.statusAddress ?? environment["PICKET_STATUS_ADDRESS"],
          stateDir: options.stateDir ?? environment["PICKET_STATE_DIR"],
          output: options.output === "json" ? "json" : "text",
          logFormat: options.logFormat ?? oneOf(environment["PICKET_LOG_FORMAT"], ["text", "json"]),
          logLevel: options.logLevel ?? oneOf(environment["PICKET_LOG_LEVEL"], ["debug", "info", "warn", "error"]),
        }),
      );
    });
  add(program, {
    name: "demo",
    summary: "a sample bank, its policies, normal life, attacks, and what was stopped",
    examples: ["picket demo", "picket demo --attack password-list", "picket demo -o json"],
  })
    .option("--attack <name>", "only this attack")
    .addOption(new Option("-o, --output <format>", "form of the report").choices(["table", "json"]).default("table"))
    .action(async (options: { output: "table" | "json"; attack?: string }) => {
      const { runDemo } = await import("./demo.ts");
      const { stdout, stderr } = shell;
      done(
        await runDemo({ ...options, interactive: stderr.isTTY === true && options.output === "table", stdout, stderr }),
      );
    });
}

interface RunFlags extends ReachOptions {
  readonly output: "table" | "json";
  readonly logFormat?: "text" | "json";
  readonly logLevel?: "debug" | "info" | "warn" | "error";
}

/** The word when it is one of the list. A wrong one in the environment is as if it were not there. */
function oneOf<T extends string>(text: string | undefined, words: readonly T[]): T | undefined {
  return words.find((word) => word === text);
}

function addLook(program: Command, shell: Shell, done: Done): void {
  clusterOptions(
    reachOptions(
      add(program, {
        name: "status [object]",
        summary: "what is in force, object by object: KIND or KIND/NAME",
        examples: ["picket status", "picket status ApiPolicy/accounts", "picket status apol -A -o json"],
      }),
    ),
  )
    .addOption(outputOption(resultFormats))
    .action(async (object: string | undefined, options: StatusFlags) => {
      const { status } = await import("./status.ts");
      done(await status(shell, object, options));
    });
  clusterOptions(
    reachOptions(
      add(program, {
        name: "explain <what>",
        summary: "why: a decision id, a code such as PKT0205, or a reason",
        examples: ["picket explain 7f3a9c2e51-4d", "picket explain PKT0202", "picket explain resource-owner-mismatch"],
      }),
    ),
    { allNamespaces: false },
  )
    .addOption(outputOption(resultFormats))
    .action(async (what: string, options: StatusFlags) => {
      const { explain } = await import("./explain.ts");
      done(await explain(shell, what, options));
    });
  add(program, {
    name: "can <principal> <method> <path>",
    summary: "whether a caller would be let in, decided offline and explained rule by rule",
    examples: [
      "picket can anonymous GET /healthz --from examples/bank/policies --workload bank/accounts",
      `picket can u-1 GET /v1/accounts/7 --from policies --claims '{"account":"7","scope":"accounts:read"}'`,
      "picket can anonymous POST /login --from policies --source-ip 203.0.113.9 -o json",
    ],
  })
    .requiredOption("--from <folder>", "folder or file with the policies")
    .option("--workload <name>", "namespace/name, where there are several")
    .option("--claims <json>", "claims of the verified token")
    .option("--header <header>", "name: value; may be repeated", collect, [])
    .option("--source-ip <address>", "where the request comes from")
    .option("--host <host>", "host of the request")
    .addOption(outputOption(resultFormats))
    .action(async (principal: string, method: string, path: string, options: CanFlags) => {
      const { can } = await import("./can.ts");
      done(await can(shell, principal, method, path, options));
    });
  clusterOptions(
    reachOptions(
      add(program, {
        name: "check",
        summary: "whether Picket works, in a cluster or on this machine; each failure with a fix",
        examples: ["picket check --pre", "picket check --proxy -n bank", "picket check --from examples/bank"],
      }),
    ),
  )
    .addOption(
      new Option("--pre", "whether Picket can be installed in the cluster").conflicts(["proxy", "monitoring", "from"]),
    )
    .addOption(new Option("--proxy", "whether every pod that should be protected is").conflicts(["monitoring", "from"]))
    .addOption(new Option("--monitoring", "whether Prometheus takes what the chart made for it").conflicts(["from"]))
    .option("--from <folder>", "folder whose objects and ports are looked at, on this machine")
    .addOption(outputOption(checkFormats))
    .action(async (options: CheckFlags) => {
      const { check } = await import("./check.ts");
      done(await check(shell, options));
    });
}

interface StatusFlags extends ReachOptions, ClusterOptions {
  readonly output: (typeof resultFormats)[number];
}

interface CheckFlags extends ReachOptions, ClusterOptions {
  readonly output: (typeof checkFormats)[number];
  readonly from?: string;
  readonly pre?: boolean;
  readonly proxy?: boolean;
  readonly monitoring?: boolean;
}

interface CanFlags {
  readonly from: string;
  readonly workload?: string;
  readonly claims?: string;
  readonly header: readonly string[];
  readonly sourceIp?: string;
  readonly host?: string;
  readonly output: (typeof resultFormats)[number];
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function percent(text: string): number {
  const number = /^[0-9]{1,3}(\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN;
  if (number >= 0 && number <= 100) return number;
  throw new InvalidArgumentError("write a share from 0 to 100.");
}

function addPolicy(program: Command, shell: Shell, done: Done): void {
  const policy = add(program, {
    name: "policy",
    summary: "test, analyse and compile policies, offline",
    examples: ["picket policy test tests", "picket policy analyze policies", "picket policy effective --from policies"],
  });
  add(policy, {
    name: "test [paths...]",
    summary: "run ApiPolicyTest files: requests, expected verdicts, coverage",
    examples: [
      "picket policy test examples/bank/tests",
      "picket policy test tests --coverage --min 90",
      "picket policy test tests -o junit > report.xml",
    ],
  })
    .option("--coverage", "show every rule, not only those that no case hits", false)
    .option("--min <percent>", "fail when fewer rules and limits are covered", percent)
    .addOption(outputOption(checkFormats))
    .action(async (paths: string[], options: TestFlags) => {
      const { testPolicies } = await import("./policy/test.ts");
      done(await testPolicies(shell, paths, { ...options, min: options.min }));
    });
  add(policy, {
    name: "analyze [paths...]",
    summary: "find what is valid and probably not meant",
    examples: [
      "picket policy analyze policies",
      "picket policy analyze policies --fail-on error",
      "picket policy analyze policies -o sarif > picket.sarif",
    ],
  })
    .addOption(
      new Option("--fail-on <severity>", "least severity for exit code 1")
        .choices(["info", "warning", "error", "never"])
        .default("warning"),
    )
    .addOption(outputOption(findingFormats))
    .action(async (paths: string[], options: AnalyzeFlags) => {
      const { analyzePolicies } = await import("./policy/analyze.ts");
      done(await analyzePolicies(shell, paths, options));
    });
  clusterOptions(
    add(policy, {
      name: "effective",
      summary: "what a workload enforces, and which line of which file or object says so",
      examples: [
        "picket policy effective --workload bank/accounts",
        "picket policy effective --from policies --workload bank/accounts",
        "picket policy effective --from policies/accounts.yaml -o json",
      ],
    }),
    { allNamespaces: false },
  )
    .option("--workload <name>", "namespace/name, in a cluster also namespace/name:port, where there are several")
    .option("--from <folder>", "folder or file with the policies, instead of the cluster")
    .addOption(outputOption(resultFormats))
    .action(async (options: EffectiveFlags) => {
      const { showEffective } = await import("./policy/effective.ts");
      done(await showEffective(shell, options));
    });
  add(policy, {
    name: "compile <folder>",
    summary: "what a folder becomes: resources for Envoy, the call plan, the scorer's form",
    examples: [
      "picket policy compile policies -o envoy",
      "picket policy compile policies -o plan",
      "picket policy compile policies -o scorer",
    ],
  })
    .addOption(
      new Option("-o, --output <form>", "which form").choices(["envoy", "plan", "scorer", "effective"]).default("plan"),
    )
    .action(async (folder: string, options: { output: "envoy" | "plan" | "scorer" | "effective" }) => {
      const { compilePolicies } = await import("./policy/compile.ts");
      done(await compilePolicies(shell, folder, options.output));
    });
}

interface EffectiveFlags extends Pick<ClusterOptions, "namespace" | "context" | "kubeconfig"> {
  readonly from?: string;
  readonly workload?: string;
  readonly output: (typeof resultFormats)[number];
}

interface TestFlags {
  readonly coverage: boolean;
  readonly min?: number;
  readonly output: (typeof checkFormats)[number];
}

interface AnalyzeFlags {
  readonly failOn: "info" | "warning" | "error" | "never";
  readonly output: (typeof findingFormats)[number];
}

function addOwn(program: Command, shell: Shell, done: Done): void {
  add(program, {
    name: "config",
    summary: "every setting, its value and where that comes from",
    examples: ["picket config", "picket config -o json", "PICKET_STATE_DIR=/tmp/picket picket config"],
  })
    .addOption(outputOption(resultFormats))
    .action(async (options: { output: (typeof resultFormats)[number] }) => {
      const { showConfig } = await import("./config.ts");
      done(await showConfig(shell, options.output));
    });
  add(program, {
    name: "completion",
    summary: "a completion script for a shell",
    examples: [
      "source <(picket completion bash)",
      "picket completion zsh > ~/.zfunc/_picket",
      "picket completion fish > ~/.config/fish/completions/picket.fish",
    ],
  })
    .addArgument(program.createArgument("<shell>", "which shell").choices(["bash", "zsh", "fish"]))
    .action(async (name: "bash" | "zsh" | "fish") => {
      const { printCompletion } = await import("./completion.ts");
      shell.stdout.write(printCompletion(program, name));
    });
  add(program, {
    name: "version",
    summary: "versions of picket, Node and the tested Envoy",
    examples: ["picket version", "picket version -o json", "picket version -o name"],
  })
    .addOption(outputOption(resultFormats))
    .action(async (options: { output: (typeof resultFormats)[number] }) => {
      const { showVersion } = await import("./version.ts");
      done(await showVersion(shell, options.output));
    });
}
