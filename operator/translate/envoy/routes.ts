import type { Template } from "../../../core/catalog/template.ts";
import type { Workload } from "../../../core/policy/identity.ts";
import { RouteConfiguration } from "../../../protos/gen/envoy/config/route/v3/route.ts";
import { Route, RouteList } from "../../../protos/gen/envoy/config/route/v3/route_components.ts";
import { UriTemplateMatchConfig } from "../../../protos/gen/envoy/extensions/path/match/uri_template/v3/uri_template_match.ts";
import { HttpRequestHeaderMatchInput } from "../../../protos/gen/envoy/type/matcher/v3/http_inputs.ts";
import type { Any } from "../../../protos/gen/google/protobuf/any.ts";
import type { Matcher } from "../../../protos/gen/xds/type/matcher/v3/matcher.ts";
import { everythingElse, printMethodAndPath, type Operation } from "../operations.ts";
import type { Resource } from "../resource.ts";
import { encodeResource, pack } from "./any.ts";
import { milliseconds } from "./duration.ts";
import { authzOff } from "./filters/ext-authz.ts";
import { problemFormat, problemType } from "./local-reply.ts";
import { namesOf } from "./names.ts";
import { groupByPrefix } from "./path-tree.ts";
import type { Strictness } from "./strictness.ts";

/** Characters that Envoy accepts in a path template. */
const uriTemplateMax = 256;

type PartialRoute = Parameters<typeof Route.fromPartial>[0];
type PartialMatch = NonNullable<PartialRoute["match"]>;

export interface RouteOptions {
  readonly operations: readonly Operation[];
  readonly strictness: Strictness;
  /** What each filter does on this workload, by the filter's instance name. */
  readonly perFilter: Readonly<Record<string, Any>>;
}

/**
 * The routes of a workload. What filters do stands at the virtual host and so holds for every route, the one for
 * everything else included; routes name the operation.
 */
export function routes(workload: Workload, options: RouteOptions): Resource {
  const names = namesOf(workload);
  const route = forward(names.upstream, options.strictness);
  const fallback: PartialRoute = { name: everythingElse, match: prefix("/"), ...route };
  const groups = groupByPrefix(options.operations);
  return encodeResource(RouteConfiguration, names.routes, {
    name: names.routes,
    // Without it Envoy accepts a route to a cluster that is not there.
    validateClusters: true,
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        typedPerFilterConfig: { ...options.perFilter },
        ...(groups.length === 0
          ? { routes: [fallback] }
          : {
              matcher: {
                matcherType: {
                  $case: "matcherTree",
                  matcherTree: {
                    input: { name: "path", typedConfig: pack(HttpRequestHeaderMatchInput, { headerName: ":path" }) },
                    treeType: {
                      $case: "prefixMatchMap",
                      prefixMatchMap: {
                        map: Object.fromEntries(
                          groups.map((group) => [
                            group.prefix,
                            // A list that matches nothing is a 404, not a way on: each ends with everything else.
                            action(
                              pack(RouteList, {
                                routes: [
                                  ...group.operations.flatMap((operation) => routesOf(operation, route)),
                                  fallback,
                                ],
                              }),
                            ),
                          ]),
                        ),
                      },
                    },
                  },
                },
                onNoMatch: action(pack(Route, fallback)),
              },
            }),
      },
    ],
  });
}

/**
 * What a workload answers when requests to it cannot be judged: its canary reached the application, or its policy was
 * bad from the start. Nothing is asked and nothing is forwarded.
 */
export function closedRoutes(workload: Workload): Resource {
  const names = namesOf(workload);
  return encodeResource(RouteConfiguration, names.routes, {
    name: names.routes,
    validateClusters: true,
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        typedPerFilterConfig: authzOff(names.filters),
        routes: [
          {
            name: "closed",
            match: prefix("/"),
            action: {
              $case: "directResponse",
              directResponse: { status: 503, bodyFormat: problemFormat(503, { reason: "workload-closed" }) },
            },
            responseHeadersToAdd: [{ header: { key: "content-type", value: problemType } }],
          },
        ],
      },
    ],
  });
}

function forward(cluster: string, strictness: Strictness): Pick<PartialRoute, "action"> {
  // 0 is no limit: an observed application may hold a request open for as long as it did before.
  const timeout = strictness === "strict" ? milliseconds(60_000) : milliseconds(0);
  return { action: { $case: "route", route: { clusterSpecifier: { $case: "cluster", cluster }, timeout } } };
}

function routesOf(operation: Operation, route: Pick<PartialRoute, "action">): PartialRoute[] {
  const name = printMethodAndPath(operation);
  const headers = methodHeader(operation.method);
  return pathMatches(operation.template).map((match) => ({ name, match: { ...match, headers }, ...route }));
}

/** HEAD is judged as GET, so it is the same operation. */
function methodHeader(method: Operation["method"]): NonNullable<PartialMatch["headers"]> {
  if (method === "*") return [];
  const names = method === "GET" ? ["GET", "HEAD"] : [method];
  const matchPattern =
    names.length === 1
      ? { $case: "exact" as const, exact: method }
      : { $case: "safeRegex" as const, safeRegex: { regex: names.join("|") } };
  return [{ name: ":method", headerMatchSpecifier: { $case: "stringMatch", stringMatch: { matchPattern } } }];
}

/** Envoy matches without the query. Parameters become `*`: it allows five names, and the scorer reads them itself. */
function pathMatches({ segments, rest }: Template): PartialMatch[] {
  const isLiteral = segments.every((segment) => segment.kind === "literal");
  const path = `/${segments.map((segment) => (segment.kind === "literal" ? segment.text : "*")).join("/")}`;
  if (isLiteral) {
    if (rest && segments.length === 0) return [prefix("/")];
    if (rest) return [{ pathSpecifier: { $case: "pathSeparatedPrefix", pathSeparatedPrefix: path } }];
    return [{ pathSpecifier: { $case: "path", path } }];
  }
  if (path.length + 3 > uriTemplateMax) return [asRegex(segments, rest)];
  // `/a/*/**` does not match `/a/x`, which the template does.
  return rest ? [uriTemplate(path), uriTemplate(`${path}/**`)] : [uriTemplate(path)];
}

/** Only for templates too long for Envoy's own form. Built from literals that the template parser checked. */
function asRegex(segments: Template["segments"], rest: boolean): PartialMatch {
  const parts = segments.map((segment) =>
    segment.kind === "literal" ? segment.text.replaceAll(/[.+*?^$()[\]{}|\\]/g, "\\$&") : "[^/]+",
  );
  const regex = `/${parts.join("/")}${rest ? "(/.*)?" : ""}`;
  return { pathSpecifier: { $case: "safeRegex", safeRegex: { regex } } };
}

function uriTemplate(pathTemplate: string): PartialMatch {
  const typedConfig = pack(UriTemplateMatchConfig, { pathTemplate });
  return { pathSpecifier: { $case: "pathMatchPolicy", pathMatchPolicy: { name: "template", typedConfig } } };
}

function prefix(text: string): PartialMatch {
  return { pathSpecifier: { $case: "prefix", prefix: text } };
}

type OnMatch = NonNullable<Parameters<typeof Matcher.fromPartial>[0]["onNoMatch"]>;

function action(typedConfig: Any): OnMatch {
  return { onMatch: { $case: "action", action: { name: "route", typedConfig } } };
}
