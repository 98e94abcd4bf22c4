import { choiceFlag, type FlagValues, textFlag } from "./flags.ts";
import type { ControllerSettings } from "./world.ts";

/** Runtime flags of a controller that is started here. */
export const platformFlags = {
  runtime: choiceFlag("--runtime <name>", "Runtime for instances", ["auto", "process", "docker"]),
  engine: textFlag("--engine <socket>", "Socket of the Docker engine [DOCKER_HOST]"),
  proxy: choiceFlag("--proxy <kind>", "Edge: built in, HAProxy, or HAProxy in a container", [
    "embedded",
    "haproxy",
    "container",
  ]),
  proxyImage: textFlag("--proxy-image <image>", "Image of --proxy container (default haproxy:lts)"),
};

/** The same as controller options; unset ones are omitted. */
export function platformOf(
  flags: FlagValues<typeof platformFlags>,
): Pick<ControllerSettings, "runtime" | "engine" | "proxy" | "proxyImage"> {
  const { runtime, engine, proxy, proxyImage } = flags;
  return {
    ...(runtime !== undefined && { runtime }),
    ...(engine !== undefined && { engine }),
    ...(proxy !== undefined && { proxy }),
    ...(proxyImage !== undefined && { proxyImage }),
  };
}
