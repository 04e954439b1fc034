//go:build linux

package traffic

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/integration/lab"
)

// Web is a web server on a host. It answers / with its name, /stream with a
// slow download, and every other path with the page of that name.
type Web struct {
	*lab.Process
	host *lab.Host
}

// ServeWeb starts a web server on the host's port. It serves before this
// returns.
func ServeWeb(h *lab.Host, port int) *Web {
	w := &Web{host: h}
	w.SetPage("/health", "healthy\n")
	ready := make(chan struct{})
	var once bool
	w.Process = start(h, "web", "web", func(string) {
		if !once {
			once = true
			close(ready)
		}
	}, "-name", h.Name, "-port", strconv.Itoa(port), "-pages", filepath.Join(h.Dir(), pagesDir))
	select {
	case <-ready:
	case <-time.After(10 * time.Second):
	}
	return w
}

const pagesDir = "pages"

// SetPage makes the server answer path with the text, from the next request
// on.
func (w *Web) SetPage(path, text string) {
	w.host.WriteFile(filepath.Join(pagesDir, path), text)
}

// RemovePage makes the server answer path with 404, from the next request on.
func (w *Web) RemovePage(path string) error {
	return os.Remove(filepath.Join(w.host.Dir(), pagesDir, path))
}

// serveWeb is the web server process.
func serveWeb(args []string) error {
	flags := flag.NewFlagSet("web", flag.ContinueOnError)
	name := flags.String("name", "", "who answers")
	port := flags.Int("port", 80, "TCP port")
	pages := flags.String("pages", "", "folder of the pages")
	if err := flags.Parse(args); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", *port))
	if err != nil {
		return err
	}
	fmt.Println("serving")
	server := web{name: *name, pages: *pages}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go server.serve(conn)
	}
}

// web answers one request on each connection. It implements only the HTTP that
// clients and health checkers need, because net/http is too slow for fifty
// connections a second on an emulated processor.
type web struct {
	name, pages string
}

const (
	serverHeader  = "X-Real-Server"
	requestLimit  = 10 * time.Second
	streamLine    = "................................................................\n"
	streamEnd     = "end\n"
	streamSpacing = 50 * time.Millisecond
)

func (w web) serve(conn net.Conn) {
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(requestLimit))
	target, err := readRequest(conn)
	if err != nil {
		return
	}
	path, query, _ := strings.Cut(target, "?")
	switch {
	case path == "/":
		w.answer(conn, "200 OK", w.name+"\n")
	case path == "/stream":
		seconds, _ := strconv.Atoi(strings.TrimPrefix(query, "seconds="))
		w.stream(conn, seconds)
	default:
		page, err := os.ReadFile(filepath.Join(w.pages, filepath.Clean("/"+path)))
		if err != nil {
			w.answer(conn, "404 Not Found", "no such page\n")
			return
		}
		w.answer(conn, "200 OK", string(page))
	}
}

// readRequest reads a request up to the empty line and returns its target.
func readRequest(conn net.Conn) (target string, err error) {
	lines := bufio.NewReaderSize(conn, 1024)
	first, err := lines.ReadString('\n')
	if err != nil {
		return "", err
	}
	for range 100 {
		line, err := lines.ReadString('\n')
		if err != nil {
			return "", err
		}
		if strings.TrimSpace(line) != "" {
			continue
		}
		if words := strings.Fields(first); len(words) == 3 && words[0] == "GET" {
			return words[1], nil
		}
		break
	}
	return "", errGarbled
}

func (w web) answer(conn net.Conn, status, body string) {
	fmt.Fprintf(conn, "HTTP/1.1 %s\r\n%s: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, serverHeader, w.name, len(body), body)
}

// stream sends a line every 50 ms for a number of seconds, and then a last line
// that marks the end.
func (w web) stream(conn net.Conn, seconds int) {
	fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\n%s: %s\r\nConnection: close\r\n\r\n", serverHeader, w.name)
	for range seconds * int(time.Second/streamSpacing) {
		if _, err := fmt.Fprint(conn, streamLine); err != nil {
			return
		}
		time.Sleep(streamSpacing)
	}
	fmt.Fprint(conn, streamEnd)
}
