import type { BuiltImage } from "../images/build.ts";

/** One command of `make kind-up`, and what it is for. */
export interface Step {
  readonly title: string;
  readonly command: readonly string[];
}

export interface KindOptions {
  /** Name of the cluster of kind. */
  readonly name: string;
  /** True where there is one of that name already: it is used. */
  readonly exists: boolean;
  readonly images: readonly BuiltImage[];
  /** Folder of the chart. */
  readonly chart: string;
}

/** What makes a cluster of kind with Picket in it, from images that are built. Running it twice upgrades. */
export function kindSteps({ name, exists, images, chart }: KindOptions): readonly Step[] {
  const create: Step = {
    title: "create the cluster",
    command: ["kind", "create", "cluster", "--name", name, "--wait", "120s"],
  };
  const where = ["--namespace", "picket-system", "--create-namespace", "--kube-context", `kind-${name}`];
  const values = ["--values", `${chart}/values-demo.yaml`, "--wait", "--timeout", "5m"];
  const install: Step = {
    title: "install Picket",
    command: ["helm", "upgrade", "--install", "picket", chart, ...where, ...values],
  };
  return [
    ...(exists ? [] : [create]),
    ...images.map(({ reference, archive }) => ({
      title: `load ${reference}`,
      command: ["kind", "load", "image-archive", archive, "--name", name],
    })),
    install,
  ];
}
