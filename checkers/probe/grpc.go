package probe

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

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
			conn = secure
		}
		return askHealth(ctx, conn, steps, host, g)
	}
	return p.converse(conversation{endpoint: e, total: total, talk: talk}, done)
}

// askHealth has one time limit for request and answer.
func askHealth(ctx context.Context, conn net.Conn, steps *stepReader, host string, g *conf.GRPCCheckParams) Result {
	due := steps.next()
	ctx, cancel := context.WithDeadline(ctx, due)
	defer cancel()
	conn.SetWriteDeadline(due) // a server that reads nothing must not stop the end either
	transport, over := overConnection(conn)
	defer over()
	request := (&http.Request{
		Method: http.MethodPost, URL: &url.URL{Scheme: "http", Host: host, Path: "/grpc.health.v1.Health/Check"},
		Header: http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "User-Agent": {"director"}},
		Body:   io.NopCloser(bytes.NewReader(healthRequest(g.Service))),
	}).WithContext(ctx)
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return grpcFailure(err, steps)
	}
	defer answer.Body.Close()
	defer over() // first: the end of a body waits for what is being written
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxGRPC+1))
	if err != nil {
		return grpcFailure(err, steps)
	}
	if len(body) > maxGRPC {
		return Result{Reason: fmt.Sprintf("grpc: the answer is longer than %d bytes", maxGRPC)}
	}
	return healthResult(answer, body)
}

// grpcFailure tells the end of the time from other failures.
func grpcFailure(err error, steps *stepReader) Result {
	if errors.Is(err, context.DeadlineExceeded) {
		if time.Since(steps.due) > lateness {
			return failure("grpc", &localError{"wait for an answer", errLate}, steps.step)
		}
		return Result{Reason: fmt.Sprintf("grpc: no answer in %v", steps.step)}
	}
	return Result{Reason: "grpc: " + clip(err.Error())}
}

// overConnection speaks HTTP/2 over a connection that is made. over ends what it has of it.
func overConnection(conn net.Conn) (t *http.Transport, over func()) {
	given := make(chan net.Conn, 1)
	given <- conn
	t = &http.Transport{
		Protocols: new(http.Protocols), DisableCompression: true, MaxResponseHeaderBytes: maxHead,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			select {
			case c := <-given:
				return c, nil
			default:
				return nil, errors.New("the server closed the connection")
			}
		},
	}
	t.Protocols.SetUnencryptedHTTP2(true) // TLS is made already, if it is wanted
	return t, func() {
		conn.Close()
		t.CloseIdleConnections()
	}
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
func healthResult(answer *http.Response, body []byte) Result {
	if answer.StatusCode != http.StatusOK {
		return Result{Reason: fmt.Sprintf("grpc: HTTP status %d", answer.StatusCode)}
	}
	status, text := answer.Trailer.Get("Grpc-Status"), answer.Trailer.Get("Grpc-Message")
	if status == "" { // an answer without a message has it among the headers
		status, text = answer.Header.Get("Grpc-Status"), answer.Header.Get("Grpc-Message")
	}
	switch status {
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
