import { isRecord } from "../kube/object.ts";

/** What a bound service-account token says about its holder. */
export interface TokenIdentity {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podName: string;
  readonly podUid: string;
}

/** Longest names that Kubernetes has, and the length of a uid. */
const namespaceCharactersMax = 63;
const nameCharactersMax = 253;
const uidCharactersMax = 64;

const prefix = "system:serviceaccount:";
const group = "system:serviceaccounts";
const podNameKey = "authentication.kubernetes.io/pod-name";
const podUidKey = "authentication.kubernetes.io/pod-uid";

/**
 * Reads the status of a TokenReview. Undefined for everything that is not, beyond doubt, a token of a service account
 * for this audience, bound to one pod: an answer that is odd proves nothing.
 */
export function readTokenIdentity(status: unknown, audience: string): TokenIdentity | undefined {
  if (!isRecord(status) || status["authenticated"] !== true) return undefined;
  if (status["error"] !== undefined && status["error"] !== "") return undefined;
  if (!isListWith(status["audiences"], audience)) return undefined;
  const user = status["user"];
  if (!isRecord(user) || !isListWith(user["groups"], group)) return undefined;
  const account = accountOf(user["username"]);
  const extra = user["extra"];
  if (account === undefined || !isRecord(extra)) return undefined;
  const podName = onlyOf(extra, podNameKey, nameCharactersMax);
  const podUid = onlyOf(extra, podUidKey, uidCharactersMax);
  return podName === undefined || podUid === undefined ? undefined : { ...account, podName, podUid };
}

function accountOf(username: unknown): Pick<TokenIdentity, "namespace" | "serviceAccount"> | undefined {
  if (typeof username !== "string" || !username.startsWith(prefix)) return undefined;
  const [namespace = "", serviceAccount = "", ...more] = username.slice(prefix.length).split(":");
  if (more.length > 0 || !isName(namespace, namespaceCharactersMax) || !isName(serviceAccount, nameCharactersMax)) {
    return undefined;
  }
  return { namespace, serviceAccount };
}

function onlyOf(extra: Readonly<Record<string, unknown>>, key: string, charactersMax: number): string | undefined {
  const values = Object.hasOwn(extra, key) ? extra[key] : undefined;
  if (!Array.isArray(values) || values.length !== 1) return undefined;
  const [value] = values as unknown[];
  return typeof value === "string" && isName(value, charactersMax) ? value : undefined;
}

function isListWith(list: unknown, member: string): boolean {
  return Array.isArray(list) && list.includes(member);
}

/** Names of Kubernetes have no slash and no colon, so they can be joined by them. */
function isName(text: string, charactersMax: number): boolean {
  return text.length <= charactersMax && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text);
}
