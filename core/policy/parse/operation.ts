import { parseTemplate } from "../../catalog/template.ts";
import { methods, type Method, type OperationMatch } from "../policy.ts";
import { list, optional, record, required } from "./record.ts";
import { refuse, refuseType, show, type Reader } from "./place.ts";
import { nearestName } from "./nearest-name.ts";

/** Operations that one rule or limit names. */
export const matchesMax = 16;

const method: Reader<Method> = (place) => {
  const { value } = place;
  if (typeof value !== "string") return refuseType(place, "a method", `write one of ${methods.join(", ")}`);
  const known = methods.find((candidate) => candidate === value);
  if (known !== undefined) return known;
  const upper = value.toUpperCase();
  if (upper === "CONNECT" || upper === "TRACE") {
    return refuse(place, "PKT0205", `${upper} is never served`, "remove it; leave methods out to mean all that are");
  }
  const near = methods.find((candidate) => candidate === upper) ?? nearestName(value, methods);
  if (value === "*") return refuse(place, "PKT0205", '"*" is not a method', "leave methods out to mean all of them");
  const fix = near === undefined ? `write one of ${methods.join(", ")}` : `write ${near}`;
  const why = upper === near ? "methods are written in capitals" : `${show(value)} is not a method that Picket knows`;
  return refuse(place, "PKT0205", why, fix);
};

const pathTemplate: Reader<string> = (place) => {
  const { value } = place;
  if (typeof value !== "string")
    return refuseType(place, "a path template", 'write a path such as "/v1/accounts/{id}"');
  const template = parseTemplate(value);
  return template.kind === "problem" ? refuse(place, "PKT0208", template.sentence, template.fix) : value;
};

const operation: Reader<OperationMatch> = record({
  shape: {
    methods: optional(
      list(method, { min: 1, max: methods.length, unique: { key: (item: Method) => item, what: "method" } }),
    ),
    path: required(pathTemplate, 'write path: "/**" to mean every path'),
  },
  misplaced: {
    method: "write methods: [GET]",
    paths: "write one entry of match for each path",
    host: "a policy speaks about paths of its workload; it has no field for the host",
  },
  build: ({ methods: named, path }) => ({ methods: named ?? [], path }),
});

/** The operations of a rule or limit. */
export function operations(min: 0 | 1): Reader<readonly OperationMatch[]> {
  return list(operation, { min, max: matchesMax });
}
