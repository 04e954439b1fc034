//go:build linux

package native_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/stage"
)

// pages answers each connection with the present page, all at once, and tells the request.
type pages struct {
	net.Listener
	page     chan string
	requests chan string
}

func servePages(t *testing.T) *pages {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &pages{l, make(chan string, 1), make(chan string, 1)}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(5 * time.Second))
			b := make([]byte, 4096)
			n, _ := c.Read(b)
			c.Write([]byte(<-p.page))
			c.Close()
			p.requests <- string(b[:n])
		}
	}()
	return p
}

// TestGenhash: what genhash says of 200 pages is what Debian's says, and so is what it asks for.
func TestGenhash(t *testing.T) {
	keepalived := stage.Keepalived()
	theirs := filepath.Join(filepath.Dir(filepath.Dir(keepalived.Path)), "bin", "genhash")
	if _, err := os.Stat(theirs); err != nil {
		t.Fatalf("Debian's genhash, which comes with keepalived: %v", err)
	}
	ours := filepath.Join(t.TempDir(), "genhash")
	if err := os.Symlink(stage.PlainDirector().Path, ours); err != nil {
		t.Fatal(err)
	}
	server := servePages(t)
	_, port, _ := net.SplitHostPort(server.Addr().String())
	took := regexp.MustCompile(`= \d+ usecs`)
	ask := func(program string, env, flags []string, page string) (out, request string) {
		t.Helper()
		server.page <- page
		cmd := exec.Command(program, append([]string{"-s", "127.0.0.1", "-p", port, "-u", "/x"}, flags...)...)
		cmd.Env = append(os.Environ(), env...)
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, text)
		}
		return took.ReplaceAllString(string(text), "= N usecs"), <-server.requests
	}
	random := rand.New(rand.NewPCG(1, 2))
	forms := [][]string{nil, {"-v"}, {"-V", "www.example"}, {"-P", "1.1"}, {"-P", "1.0c", "-V", "www.example", "-v"}}
	for i := range 200 {
		body := make([]byte, random.IntN(600))
		for j := range body {
			body[j] = byte(random.Uint32())
		}
		head := []string{"HTTP/1.1 200 OK", "Content-Type: text/html"}
		switch random.IntN(5) {
		case 0:
			head = append(head, fmt.Sprintf("Content-Length: %d", len(body)))
		case 1:
			head = append(head, fmt.Sprintf("Content-Length: %d", len(body)/2))
		case 2:
			head = append(head, fmt.Sprintf("content-length: %d", len(body)/2))
		case 3:
			head[0] = "HTTP/1.0 404 Not Found"
		}
		page := strings.Join(head, "\r\n") + "\r\n\r\n" + string(body)
		flags := forms[i%len(forms)]
		want, wantRequest := ask(theirs, keepalived.Env, flags, page)
		got, gotRequest := ask(ours, nil, flags, page)
		if got != want || gotRequest != wantRequest {
			t.Fatalf("page %d %q with %v:\n%s%q\nDebian's:\n%s%q", i, page, flags, got, gotRequest, want, wantRequest)
		}
	}
}
