# Fairlead's own image: the command line and the controller, for machines where everything runs in containers.
#
#   docker build -t fairlead .
#   docker run -d --name fairlead --restart always --network host \
#     -v /var/run/docker.sock:/var/run/docker.sock --group-add "$(stat -c %g /var/run/docker.sock)" \
#     -v /var/lib/fairlead:/var/lib/fairlead fairlead
#
# The engine's socket: apps are containers beside this one. Access to it is equivalent to root on the machine.
# The host's network: the controller probes containers and the edge forwards to them at their own addresses.
# The state directory at the same path as on the host (`install -d -o 1000 -g 1000 /var/lib/fairlead`): the engine
# mounts files of it into other containers. `fairlead controller install --compose` prints the same as a compose file.

# Any image with Node 24.15 or newer and npm, for mirrors and for tests.
ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
# Packages first: a change of only the sources installs nothing again.
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci
COPY . .
RUN npm run build

FROM ${NODE_IMAGE}
# `dist` contains the packages that it needs: there is no node_modules. Without `src` the launcher runs `dist`.
WORKDIR /opt/fairlead
COPY --from=build /build/package.json /build/LICENSE /build/CHANGELOG.md ./
COPY --from=build /build/bin bin
COPY --from=build /build/dist dist
COPY --from=build /build/schema schema
RUN ln -s /opt/fairlead/bin/fairlead /usr/local/bin/fairlead && install -d -o 1000 -g 1000 -m 711 /var/lib/fairlead
ENV NODE_ENV=production HOME=/var/lib/fairlead FAIRLEAD_STATE=/var/lib/fairlead
# A number, so that a machine that refuses root can check it; the official image calls this user `node`.
USER 1000:1000
WORKDIR /var/lib/fairlead
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["fairlead", "api", "GET", "/healthz"]
ENTRYPOINT ["fairlead"]
CMD ["controller"]
