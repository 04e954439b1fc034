//go:build linux

package native_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// grpcServer builds the server of grpc-go. It is a module of its own.
func grpcServer(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "grpcserver")
	cmd := exec.Command("go", "build", "-C", "../grpcserver", "-o", program, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build a server with grpc-go: %v\n%s", err, out)
	}
	return program
}

// TestServersGRPC: the health service of grpc-go, in plain text and over TLS.
func TestServersGRPC(t *testing.T) {
	t.Parallel()
	program := grpcServer(t)
	start := func(flags string, secret bool) (s *server, port uint16, words string) {
		none := t.TempDir() // it is in no package
		if err := os.Mkdir(filepath.Join(none, "usr"), 0o755); err != nil {
			t.Fatal(err)
		}
		s = newServer(t, []string{none})
		port = s.port()
		script := fmt.Sprintf("exec /etc/grpcserver %s %v:%d", flags, s.addr, port)
		if secret {
			sign(t, s, "a.example", newAuthority(t, s, "authority"))
			script += " /etc/a.example.pem /etc/a.example.key"
			words = "tls\nhost a.example\n"
		}
		if err := os.Link(program, filepath.Join(s.dir, "grpcserver")); err != nil {
			t.Fatal(err)
		}
		s.start(script)
		return s, port, words
	}
	for _, secret := range []bool{false, true} {
		s, port, words := start("", secret)
		check := func(service string) string { return "GRPC_CHECK {\n" + words + service + "\n}" }
		s.alive(port, check(""), "grpc: SERVING")
		s.alive(port, check("service shop.Cart"), "grpc: SERVING")
		s.dead(port, check("service shop.Stock"), "grpc: NOT_SERVING")
		s.dead(port, check("service shop.Nothing"), "grpc: the server does not know the service")
		// The other kind of connection.
		if secret {
			s.dead(port, "GRPC_CHECK {\n}", "grpc: ")
			s.dead(port, "SSL_GET {\nhttp_protocol 2\nurl {\npath /\n}\n}", "status 415, want 200-299")
		} else {
			s.dead(port, "GRPC_CHECK {\ntls\n}", "grpc: TLS handshake: ")
			s.dead(port, "HTTP_GET {\nhttp_protocol 2\nurl {\npath /\n}\n}", "status 415, want 200-299")
		}
		s.refused(port, check(""))

		s, port, words = start("-bare", secret)
		s.dead(port, "GRPC_CHECK {\n"+words+"}", "grpc: the server has no health service")
	}
}
