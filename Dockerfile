# director alone: a static program in an empty image. docs/containers.md says how to run it.
FROM golang:1.26 AS build
WORKDIR /src
COPY . .
ARG VERSION=unknown
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X 'main.version=$VERSION'" -o /out/usr/sbin/director ./cmd/director
RUN mkdir -p /out/etc/director /out/run/director /out/var/lib/director /out/tmp && chmod 1777 /out/tmp

FROM scratch
COPY --from=build /out/ /
# Of checks that verify certificates.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENTRYPOINT ["/usr/sbin/director"]
CMD ["run"]
HEALTHCHECK --interval=10s --timeout=5s CMD ["/usr/sbin/director", "status"]
