/** What the service files are written from. */
export interface ServiceFacts {
  /** The launcher, by its whole path. */
  readonly program: string;
  /** The controller's state directory, by its whole path. */
  readonly stateDirectory: string;
  /** The controller's own flags, without --state, as on a command line. */
  readonly flags: readonly string[];
}

/** The first line of every file that `install` writes; a file without it is somebody else's. */
export const signature = "# Written by `fairlead controller install`.";
export const unitName = "fairlead.service";

/** Where systemd gives a service a directory of its own. */
const stateRoot = "/var/lib/";

/** Of root's capabilities, those that the controller and the programs that it starts use (capabilities(7)). */
export const capabilities = [
  ...["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID"],
  ...["KILL", "SETUID", "SETGID", "SETPCAP", "SYS_PTRACE", "SYS_RESOURCE"],
  ...["SYS_ADMIN", "NET_ADMIN", "NET_RAW", "NET_BIND_SERVICE"],
] as const;

/** The systemd unit of a controller. The same facts give the same text. */
export function unitText({ program, stateDirectory, flags }: ServiceFacts): string {
  const command = [program, "controller", "--state", stateDirectory, ...flags].map(commandWord).join(" ");
  return `${signature} It may be changed with \`systemctl edit fairlead\`.
[Unit]
Description=Fairlead controller
Wants=network-online.target
After=network-online.target docker.service
# It is always restarted, however often it fails.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${command}
# For values that must not be on a command line, e.g. FAIRLEAD_TOKEN; mode 0600.
EnvironmentFile=-/etc/fairlead.env
Restart=always
RestartSec=1s
# Does not stop apps and the edge that are plain processes: they keep running while it is replaced or down.
KillMode=process
TimeoutStopSec=90s
${directoryLines(stateDirectory)}
# Apps are in its control group and inherit its limits, so these are not for a single app: a fork bomb is limited by
# the processes and threads of its environment's user, which leaves enough room to log in and end it.
TasksMax=80%
LimitNPROC=16384
LimitNOFILE=1048576
# A core dump contains every value of the process.
LimitCORE=0
# Capabilities of a root controller: switch to the users of apps, own and read their files, end and inspect their
# processes, bind the edge's ports, mount temporary directories, and close ports to other environments.
CapabilityBoundingSet=${capabilities.map((one) => `CAP_${one}`).join(" ")}

# Restrictions that suit the controller and all apps, which inherit them. Not used: PrivateTmp, because apps would
# outlive their /tmp; MemoryDenyWriteExecute and system call filters, because apps are compiled at run time and their
# system calls are unknown.
NoNewPrivileges=yes
ProtectSystem=full
ProtectHome=read-only
ProtectProc=invisible
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
LockPersonality=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
`;
}

/** Others may pass through, to what apps of another user may read in it; as the controller itself makes it. */
function directoryLines(directory: string): string {
  const name = directory.startsWith(stateRoot) ? directory.slice(stateRoot.length) : "";
  // A path is no command: nothing in it is taken for a variable.
  if (!/^[\w.-]+(?:\/[\w.-]+)*$/.test(name)) return `ReadWritePaths=${quoted(directory.replaceAll("%", "%%"))}`;
  return `StateDirectory=${name}\nStateDirectoryMode=0711`;
}

/** One word of a command in a unit: systemd.service(5) "Command lines", with specifiers and variables taken as they are. */
function commandWord(word: string): string {
  return quoted(word.replaceAll("%", "%%").replaceAll("$", "$$$$"));
}

/** systemd.syntax(7) "Quoting", where it is needed. */
function quoted(word: string): string {
  if (/^[\w@%+=:,./$-]+$/.test(word)) return word;
  return `"${word.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}
