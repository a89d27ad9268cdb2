/** Where a program of ours listens. */
export type Endpoint =
  | { readonly kind: "socket"; readonly path: string }
  | {
      readonly kind: "address";
      readonly host: string;
      readonly port: number;
      /** Present: it speaks TLS under this name. */
      readonly serverName?: string | undefined;
    };
