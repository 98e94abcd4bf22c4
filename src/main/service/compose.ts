import { signature } from "./unit.ts";

export interface ComposeFacts {
  readonly image: string;
  readonly stateDirectory: string;
  readonly flags: readonly string[];
  readonly engineSocket: string;
  /** The group that may use the engine's socket; null when it is not there to be checked. */
  readonly engineGroup: number | null;
}

/** A compose file for machines without systemd, or if everything runs in containers. JSON's texts are YAML's too. */
export function composeText({ image, stateDirectory, flags, engineSocket, engineGroup }: ComposeFacts): string {
  const command = ["controller", "--state", stateDirectory, "--engine", engineSocket, ...flags];
  const mounts = [engineSocket, stateDirectory].map((path) => {
    const quoted = JSON.stringify(path);
    return `      - { type: bind, source: ${quoted}, target: ${quoted}, bind: { create_host_path: false } }`;
  });
  return `${signature}
# First run: install -d -o 1000 -g 1000 -m 711 ${JSON.stringify(stateDirectory)}
# and the image, in a checkout of that version: docker build -t ${image} .
name: fairlead
services:
  controller:
    image: ${JSON.stringify(image)}
    command: ${JSON.stringify(command)}
    restart: always
    # It probes containers, and the edge forwards to them, at their own addresses.
    network_mode: host
    # The group of the engine's socket (stat -c %g). Access to it is equivalent to root on the machine.
    group_add: [${JSON.stringify(String(engineGroup ?? "GROUP"))}]
    # The same paths inside and outside: the engine mounts files of the state directory into other containers.
    volumes:
${mounts.join("\n")}
    security_opt: ["no-new-privileges:true"]
    cap_drop: [ALL]
    stop_grace_period: 90s
`;
}
