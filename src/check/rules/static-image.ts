import { dockerfilePath } from "../dockerfile.ts";
import type { Rule } from "../subject.ts";

/** The program that `static` starts is in generated images only. */
const program = "fairlead-static";

/** `static` beside an own Dockerfile: plain processes serve the files, containers of that image cannot. */
export const staticImage: Rule = {
  id: "static-image",
  title: "Images of services with `static` can serve files",
  why: "Files are served by a program that generated images and plain processes have. An instance of the image of an own Dockerfile does not start.",
  fix: "remove `static`, so that the image runs its own CMD; or remove the Dockerfile, so that Fairlead generates one (`fairlead init --dockerfile` shows it)",
  severity: () => "warning",
  look: ({ files, spec: { build, services } }) => {
    const file = files.find(({ path }) => path === dockerfilePath(build));
    if (file === undefined || file.text.includes(program)) return [];
    return services
      .filter(({ command }) => command?.[0] === program)
      .map(({ name }) => ({
        at: { path: `services.${name}.static` },
        message: `needs a program that the image of ${file.path} lacks: containers cannot start`,
      }));
  },
};
