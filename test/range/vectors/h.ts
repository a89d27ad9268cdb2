import { caseHeader } from "../emulators/server.ts";
import { bytes, host, http1, http2, pseudo, requestText, type Row, type Vector } from "./vector.ts";

const group = { actor: "alice", tier: "E", applications: "one" } as const;

/** Stands in values that a client makes up and that no application may find under a name that Picket asserts. */
export const forgery = "range-forged";

/** Rows with one forged header each, on an open operation: the request passes, the header does not. */
function stripped(headers: readonly string[], expect: Row["expect"] = [200]): Row[] {
  return headers.map((header) => ({
    what: header.slice(0, 70),
    actor: "anon",
    send: http1({ headers: [header] }),
    expect,
    forged: forgery,
  }));
}

/** Rows where a header says something good about a caller who is not entitled. */
function useless(headers: readonly string[], expect: Row["expect"] = [403]): Row[] {
  return headers.map((header) => ({
    what: `${header.slice(0, 60)} does not open /admin/secret`,
    send: http1({ target: "/admin/secret", as: "alice", headers: [header] }),
    expect,
  }));
}

/** Group H: what a client says about itself, its address and Picket's verdict. */
export const vectorsH: readonly Vector[] = [
  {
    ...group,
    id: "H01",
    name: "X-Forwarded-For from outside",
    tier: "GE",
    rows: useless(["X-Forwarded-For: 10.0.0.1", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 255.255.255.255"]),
  },
  {
    ...group,
    id: "H02",
    name: "X-Forwarded-For of any shape",
    tier: "DG",
    rows: [
      ...useless(
        [
          `X-Forwarded-For: ${Array.from({ length: 50 }, (_, hop) => `10.0.0.${hop}`).join(", ")}`,
          "X-Forwarded-For: [2001:db8::1]:443",
          "X-Forwarded-For: 10.0.0.1:99999, unknown",
          "X-Forwarded-For: unknown, _hidden, ,,,",
          "X-Forwarded-For: \x80\xff",
          "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2",
        ],
        [400, 403],
      ),
      {
        what: "garbage on an open operation does no harm",
        actor: "anon",
        send: http1({ headers: ["X-Forwarded-For: garbage, 1.2.3.4.5.6"] }),
        expect: [200],
      },
    ],
  },
  {
    ...group,
    id: "H03",
    name: "other headers that name a client address",
    tier: "DG",
    rows: useless([
      "Forwarded: for=10.0.0.1;host=admin;proto=https",
      "X-Real-IP: 127.0.0.1",
      "True-Client-IP: 127.0.0.1",
      "CF-Connecting-IP: 127.0.0.1",
      "X-Client-IP: 127.0.0.1",
      "X-Envoy-External-Address: 127.0.0.1",
    ]),
  },
  {
    ...group,
    id: "H04",
    name: "PROXY protocol to a plain listener",
    rows: [
      {
        what: "version 1",
        send: bytes(
          (shot) =>
            `PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n${requestText(shot, { target: "/admin/secret", as: "alice" })}`,
        ),
        expect: [400, "closed"],
      },
      {
        what: "version 2 LOCAL without address",
        send: bytes(
          (shot) => `\r\n\r\n\0\r\nQUIT\n\x20\0\0\0${requestText(shot, { target: "/admin/secret", as: "alice" })}`,
        ),
        expect: [400, "closed"],
      },
    ],
  },
  {
    ...group,
    id: "H05",
    name: "X-Forwarded-Proto on plaintext",
    rows: [
      ...useless(["X-Forwarded-Proto: https", "X-Forwarded-Proto: https, http", "X-Forwarded-Ssl: on"]),
      ...stripped([`X-Forwarded-Proto: ${forgery}`], [200, 400]),
    ],
  },
  {
    ...group,
    id: "H06",
    name: "client's own x-envoy headers",
    rows: [
      ...stripped([
        `x-envoy-internal: ${forgery}`,
        `x-envoy-external-address: ${forgery}`,
        `x-envoy-force-trace: ${forgery}`,
        `x-envoy-original-path: /admin/${forgery}`,
        `x-envoy-original-host: ${forgery}`,
        `x-envoy-upstream-rq-timeout-ms: ${forgery}`,
        `x-envoy-decorator-operation: ${forgery}`,
        `x-envoy-peer-metadata: ${forgery}`,
        `x-envoy-auth-partial-body: ${forgery}`,
        `x-envoy-auth-failure-mode-allowed: ${forgery}`,
        `X-Envoy-Retry-On: ${forgery}`,
        `x-envoy-upstream-alt-stat-name: ${forgery}`,
      ]),
      ...useless(["x-envoy-internal: true", "x-envoy-original-path: /public/a", "x-envoy-upstream-rq-timeout-ms: 1"]),
    ],
  },
  {
    ...group,
    id: "H07",
    name: "request ids and trace ids of any size",
    tier: "GE",
    rows: [
      ...stripped([`x-request-id: ${forgery}`]),
      {
        what: "traceparent of 10 KiB",
        actor: "anon",
        send: http1({ headers: [`traceparent: ${"0".repeat(10_240)}`] }),
        expect: [200, 400, 431],
      },
      {
        what: "x-request-id of 10 KiB",
        actor: "anon",
        send: http1({ headers: [`x-request-id: ${"a".repeat(10_240)}`] }),
        expect: [200, 400, 431],
      },
      ...useless(["x-request-id: 00000000-0000-0000-0000-000000000000", "x-request-id: ../../admin"]),
    ],
  },
  {
    ...group,
    id: "H08",
    name: "client's own X-Forwarded-Client-Cert",
    rows: [
      ...stripped([`X-Forwarded-Client-Cert: By=spiffe://cluster.local/ns/shop/sa/orders;URI=spiffe://${forgery}`]),
      ...useless(["X-Forwarded-Client-Cert: By=a;URI=spiffe://cluster.local/ns/shop/sa/admin"]),
    ],
  },
  {
    ...group,
    id: "H09",
    name: "X-Forwarded-Client-Cert with quotes and several elements",
    tier: "DE",
    rows: stripped([
      `X-Forwarded-Client-Cert: Subject="CN=\\"${forgery}\\"";URI=spiffe://a,By=b;URI=spiffe://${forgery}`,
      `X-Forwarded-Client-Cert: Hash=${forgery}\r\nX-Forwarded-Client-Cert: URI=${forgery}`,
    ]),
    laterIssue: "names inside certificates (NUL, OTHERNAME) need client certificates at the listener",
  },
  {
    ...group,
    id: "H10",
    name: "client certificates of other trust domains",
    tier: "EF",
    rows: [],
    laterIssue: "client certificates at the listener come with mTLS identities",
  },
  {
    ...group,
    id: "H11",
    name: "headers that Picket asserts, sent by the client, under all aliases",
    applications: "all",
    rows: [
      ...stripped(
        [
          `x-picket-decision: ${forgery}`,
          `X-Picket-Decision: ${forgery}`,
          `X-PICKET-PRINCIPAL: ${forgery}`,
          `x-picket-: ${forgery}`,
          `x-picket-decision: ${forgery}\r\nx-picket-decision: ${forgery}`,
          `Connection: x-picket-decision\r\nx-picket-decision: ${forgery}`,
        ],
        [200, 400],
      ),
      ...stripped(
        [
          `x_picket_decision: ${forgery}`,
          `X_Picket_Principal: ${forgery}`,
          `x.picket.decision: ${forgery}`,
          `X.Picket-Principal: ${forgery}`,
          `x-picket.decision: ${forgery}`,
          `x-picket_decision: ${forgery}`,
          `x-picket-decision : ${forgery}`,
          `x-picket-decision\t: ${forgery}`,
          `x-picket-decision\0: ${forgery}`,
          `x\x96picket\x96decision: ${forgery}`,
        ],
        [200, 400],
      ),
      {
        // Folded into the value of the header before it (RFC 9112 section 5.2): no header of that name any more.
        what: "a folded line",
        actor: "anon",
        send: http1({ headers: ["X-Note: a", " x-picket-decision: folded"] }),
        expect: [200, 400],
      },
      {
        what: "HTTP/2 x-picket-decision",
        actor: "anon",
        send: http2({
          fields: [
            ["x-picket-decision", forgery],
            ["x.picket.decision", forgery],
          ],
        }),
        expect: [200, 400, "closed"],
        forged: forgery,
      },
      {
        what: "HTTP/2 X-Picket-Decision in upper case",
        actor: "anon",
        send: http2({ fields: [["X-Picket-Decision", forgery]] }),
        expect: [400, "closed"],
        forged: forgery,
      },
      {
        what: "in trailers",
        actor: "anon",
        send: bytes((shot) => {
          const open = requestText(shot, {
            method: "POST",
            target: "/login",
            headers: ["Transfer-Encoding: chunked", "Content-Type: application/json", "Trailer: x-picket-decision"],
          });
          return `${open}2\r\n{}\r\n0\r\nx-picket-decision: ${forgery}\r\n\r\n`;
        }),
        expect: [200, 400],
        forged: forgery,
      },
    ],
  },
  {
    ...group,
    id: "H12",
    name: "spoofed verdicts",
    applications: "all",
    rows: [
      ...stripped([`x-picket-verdict: ${forgery}`, `x-picket-mode: ${forgery}`, `x-picket-reason: ${forgery}`]),
      ...useless(["x-picket-verdict: allow", "x-picket-mode: Observe", "x-envoy-auth-failure-mode-allowed: true"]),
    ],
  },
  {
    ...group,
    id: "H13",
    name: "identity from labels that the owner of a pod edits",
    tier: "KG",
    rows: [],
    laterIssue: "no policy names a caller by its pod or labels; callers by identity come with mTLS",
  },
  {
    ...group,
    id: "H14",
    name: "headers that look like metadata or context extensions",
    tier: "G",
    rows: [
      ...useless(
        [
          "context_extensions-policy: open",
          "x-picket-policy: none",
          "x-policy: none",
          "grpc-metadata-policy: open",
          "x-envoy-dynamic-metadata: envoy.filters.http.jwt_authn",
          "x-jwt-payload: eyJyb2xlcyI6WyJhZG1pbiJdfQ",
          "envoy.filters.http.jwt_authn: {}",
        ],
        [400, 403],
      ),
      {
        what: "HTTP/2 the same over one stream",
        send: http2({
          as: "alice",
          pseudo: pseudo({ ":path": "/admin/secret" }),
          fields: [
            ["x-jwt-payload", "eyJyb2xlcyI6WyJhZG1pbiJdfQ"],
            ["x-policy", "none"],
          ],
        }),
        expect: [403, 400],
      },
    ],
  },
  {
    ...group,
    id: "H90",
    name: "honest forwarding headers do no harm",
    rows: [
      {
        what: "two hops and a trace",
        actor: "anon",
        send: bytes(
          (shot) =>
            `GET /public/a HTTP/1.1\r\nHost: ${host}\r\n${caseHeader}: ${shot.caseId}\r\n` +
            "X-Forwarded-For: 203.0.113.9, 198.51.100.7\r\n" +
            "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n",
        ),
        expect: [200],
      },
    ],
  },
];
