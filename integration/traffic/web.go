//go:build linux

package traffic

import (
	"flag"
	"fmt"
	"net"
	"net/http"
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

// serveWeb is the web server itself.
func serveWeb(args []string) error {
	flags := flag.NewFlagSet("web", flag.ContinueOnError)
	name := flags.String("name", "", "who answers")
	port := flags.Int("port", 80, "TCP port")
	pages := flags.String("pages", "", "folder of the pages")
	if err := flags.Parse(args); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, *name)
	})
	mux.HandleFunc("/stream", stream)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		page, err := os.ReadFile(filepath.Join(*pages, filepath.Clean("/"+r.URL.Path)))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(page)
	})
	server := &http.Server{Addr: fmt.Sprintf(":%d", *port), Handler: withName(*name, mux)}
	listener, err := net.Listen("tcp", server.Addr)
	if err != nil {
		return err
	}
	fmt.Println("serving")
	return server.Serve(listener)
}

// withName adds the server's name to every answer.
func withName(name string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(serverHeader, name)
		next.ServeHTTP(w, r)
	})
}

const (
	serverHeader  = "X-Real-Server"
	streamLine    = "................................................................\n"
	streamEnd     = "end\n"
	streamSpacing = 50 * time.Millisecond
)

// stream sends a line every 50 ms for the number of seconds in the query, and
// then says that it was all.
func stream(w http.ResponseWriter, r *http.Request) {
	seconds, err := strconv.Atoi(strings.TrimSpace(r.URL.Query().Get("seconds")))
	if err != nil || seconds < 1 || seconds > 600 {
		http.Error(w, "seconds: 1 to 600", http.StatusBadRequest)
		return
	}
	flusher := http.NewResponseController(w)
	for range seconds * int(time.Second/streamSpacing) {
		if _, err := fmt.Fprint(w, streamLine); err != nil {
			return
		}
		flusher.Flush()
		time.Sleep(streamSpacing)
	}
	fmt.Fprint(w, streamEnd)
}
