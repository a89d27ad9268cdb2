import { lines, metric, note, number, rate, type Dashboard } from "./grafana.ts";

const credentials = 'reason=~"credential-missing|credential-invalid|credential-expired|keys-stale"';

export const accountProtection: Dashboard = {
  uid: "picket-account-protection",
  title: "Account protection",
  description: "Who tries what they may not do to accounts, and what stops them.",
  rows: [
    {
      title: "Is somebody trying?",
      panels: [
        number({
          title: "Throttled",
          description: "Requests refused since a limit was used up, such as tries to log in from one network.",
          unit: "reqps",
          targets: [{ expression: rate("picket_decisions_total", [], 'verdict="throttle"'), legend: "throttled" }],
          width: 6,
        }),
        number({
          title: "Challenged",
          description: "Requests that a stronger authentication would let in.",
          unit: "reqps",
          targets: [{ expression: rate("picket_decisions_total", [], 'verdict="challenge"'), legend: "challenged" }],
          width: 6,
        }),
        number({
          title: "Refused credentials",
          description: "Requests without a valid credential where one is needed.",
          unit: "reqps",
          targets: [{ expression: rate("picket_decision_reasons_total", [], credentials), legend: "refused" }],
          width: 6,
        }),
        number({
          title: "Other people's resources",
          description: "Requests for a resource that belongs to somebody else, refused.",
          unit: "reqps",
          targets: [
            {
              expression: rate("picket_decision_reasons_total", [], 'reason="resource-owner-mismatch"'),
              legend: "refused",
            },
          ],
          width: 6,
        }),
      ],
    },
    {
      title: "Where, and how?",
      panels: [
        lines({
          title: "Throttled by policy",
          description: "A flood on a login shows here first.",
          unit: "reqps",
          targets: [
            {
              expression: `topk(10, ${rate("picket_decisions_total", ["policy_namespace", "policy"], 'verdict="throttle"')})`,
              legend: "{{policy_namespace}}/{{policy}}",
            },
          ],
        }),
        lines({
          title: "Challenged by policy",
          description: "Requests that were asked for a second factor.",
          unit: "reqps",
          targets: [
            {
              expression: `topk(10, ${rate("picket_decisions_total", ["policy_namespace", "policy"], 'verdict="challenge"')})`,
              legend: "{{policy_namespace}}/{{policy}}",
            },
          ],
        }),
        lines({
          title: "Refused credentials by reason",
          description:
            "`credential-invalid` rising alone: forged tokens. `keys-stale`: the issuer's keys are not fetched.",
          unit: "reqps",
          targets: [
            { expression: rate("picket_decision_reasons_total", ["reason"], credentials), legend: "{{reason}}" },
          ],
        }),
        lines({
          title: "Share of client errors",
          description: "Answers 400 to 499 by workload: a list of passwords against a login shows as a jump.",
          unit: "percentunit",
          targets: [
            {
              expression: `topk(10, ${rate("picket_api_responses_total", ["api"], 'code_class="4xx"')} / ${rate("picket_api_responses_total", ["api"])})`,
              legend: "{{api}}",
            },
          ],
        }),
        lines({
          title: "Age of issuers' keys",
          description:
            "Fetched every ten minutes. Beyond `failure.keysMaxStale` every credential of the issuer is refused.",
          unit: "s",
          targets: [{ expression: `max by (provider) (${metric("picket_jwks_age_seconds")})`, legend: "{{provider}}" }],
        }),
        lines({
          title: "Fetches of keys",
          description: "By what came of them: `changed`, `same`, or why they failed.",
          unit: "cps",
          targets: [{ expression: rate("picket_jwks_refreshes_total", ["result"]), legend: "{{result}}" }],
        }),
        note(
          "To come",
          "Attempts by flow (login, second factor, reset, registration) and outcome, solved challenges and takeovers are counted once account flows are analysed.",
        ),
      ],
    },
  ],
};
