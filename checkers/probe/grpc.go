package probe

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"

	"github.com/lvs-director/director/checkers/probe/h2"
	"github.com/lvs-director/director/conf"
)

// maxGRPC is how long a HealthCheckResponse may be, in bytes. It has one small number.
const maxGRPC = 1 << 10

// grpcCheck asks the health service of gRPC (grpc.health.v1.Health/Check), over HTTP/2 with
// or without TLS. Only SERVING is alive.
func grpcCheck(p *Prober, t Target, done func(Result)) (cancel func()) {
	g := t.Checker.GRPC
	if g == nil {
		done(Result{Local: true, Reason: "no gRPC service is configured"})
		return func() {}
	}
	e, total := endpointOf(t.Checker), totalOf(t.Checker)
	host := g.Host
	if host == "" {
		host = netip.AddrPortFrom(e.to.Addr().WithZone(""), e.to.Port()).String()
	}
	talk := func(ctx context.Context, conn net.Conn) Result {
		steps := &stepReader{conn: conn, step: e.timeout, total: total, end: beginning(conn).Add(total)}
		if g.TLS {
			config := anyTLS(withoutPort(g.Host))
			config.NextProtos = []string{"h2"}
			secure, err := shakeHands(ctx, conn, steps, config)
			if err != nil {
				return failure("grpc: TLS handshake", steps.late(err), steps.step)
			}
			steps.conn = secure
		}
		return askHealth(steps, host, g)
	}
	return p.converse(conversation{endpoint: e, total: total, talk: talk, brief: !g.TLS}, done)
}

func askHealth(steps *stepReader, host string, g *conf.GRPCCheckParams) Result {
	conn := h2.New(steps, maxHead)
	request := h2.Request{Method: "POST", Scheme: "http", Authority: host, Path: "/grpc.health.v1.Health/Check",
		Headers: []h2.Header{{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
			{Name: "user-agent", Value: "director"}},
		Body: healthRequest(g.Service)}
	if g.TLS {
		request.Scheme = "https"
	}
	answer, err := conn.Ask(request)
	if err != nil {
		return failure("grpc", err, steps.step)
	}
	body, err := io.ReadAll(io.LimitReader(conn, maxGRPC+1))
	if err != nil {
		return failure("grpc", err, steps.step)
	}
	if len(body) > maxGRPC {
		return Result{Reason: fmt.Sprintf("grpc: the answer is longer than %d bytes", maxGRPC)}
	}
	return healthResult(answer, conn.Trailers(), body)
}

// healthRequest is a HealthCheckRequest as gRPC sends it: five bytes of head and the message,
// whose field 1 is the service.
func healthRequest(service string) []byte {
	var message []byte
	if service != "" {
		message = binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(service)))
		message = append(message, service...)
	}
	head := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	return append(head, message...)
}

// healthStates are the values of HealthCheckResponse.ServingStatus.
var healthStates = []string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}

// serving is the one that is alive.
const serving = 1

// healthResult is what an answer means.
func healthResult(answer h2.Answer, trailers []h2.Header, body []byte) Result {
	if answer.Status != 200 {
		return Result{Reason: fmt.Sprintf("grpc: HTTP status %d", answer.Status)}
	}
	if len(trailers) == 0 { // an answer without a message has them as headers
		trailers = answer.Headers
	}
	text := h2.Value(trailers, "grpc-message")
	switch status := h2.Value(trailers, "grpc-status"); status {
	case "0":
	case "":
		return Result{Reason: "grpc: the answer has no grpc-status: it is no gRPC server"}
	case "5":
		return Result{Reason: "grpc: the server does not know the service " + clip(text)}
	case "12":
		return Result{Reason: "grpc: the server has no health service"}
	default:
		return Result{Reason: "grpc: status " + clip(status) + " " + clip(text)}
	}
	state, ok := healthState(body)
	switch {
	case !ok:
		return Result{Reason: fmt.Sprintf("grpc: %d bytes are no HealthCheckResponse", len(body))}
	case state == serving:
		return Result{OK: true, Reason: "grpc: SERVING"}
	case state < uint64(len(healthStates)):
		return Result{Reason: "grpc: " + healthStates[state]}
	}
	return Result{Reason: fmt.Sprintf("grpc: state %d", state)}
}

// healthState reads field 1 of a HealthCheckResponse; without the field it is 0.
func healthState(body []byte) (state uint64, ok bool) {
	if len(body) < 5 || body[0] != 0 || int(binary.BigEndian.Uint32(body[1:5])) != len(body)-5 {
		return 0, false
	}
	message := body[5:]
	if len(message) == 0 {
		return 0, true
	}
	state, n := binary.Uvarint(message[1:])
	return state, message[0] == 1<<3 && n == len(message)-1
}
