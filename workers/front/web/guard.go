package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// policy lets the page use its own files and nothing else, and nobody frame it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guard looks at each request before anything else does.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		switch {
		case !s.o.Allow(s.from(r)):
			h.Set("Retry-After", "1")
			http.Error(w, "too many requests", http.StatusTooManyRequests)
		case !s.calledRight(r):
			// A name that leads here and is none of ours may be one of somebody else, whose page would so
			// read ours (DNS rebinding).
			http.Error(w, "this page is not known by that name: web { host NAME } gives it one",
				http.StatusMisdirectedRequest)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// calledRight says whether the page is called by a name that it has.
func (s *Server) calledRight(r *http.Request) bool {
	name := hostOf(r.Host)
	at, listens := netip.ParseAddrPort(s.o.Settings.Listen)
	switch {
	case name == "":
		return false
	case slices.ContainsFunc(s.o.Settings.Hosts, func(h string) bool { return strings.EqualFold(h, name) }):
		return true
	case s.o.Settings.Socket != "" || listens == nil && at.Addr().Unmap().IsLoopback():
		return loopback(name)
	}
	here, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	local, err := netip.ParseAddrPort(here.String())
	called, wrong := netip.ParseAddr(name)
	return err == nil && wrong == nil && called.Unmap().WithZone("") == local.Addr().Unmap().WithZone("")
}

// hostOf is the name of a Host header without its port.
func hostOf(text string) string {
	if name, _, err := net.SplitHostPort(text); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
}

// sameOrigin says whether a request that changes something comes from the page itself. A browser always
// says where it comes from.
func sameOrigin(r *http.Request) bool {
	origin, err := url.Parse(r.Header.Get("Origin"))
	if err != nil || origin.Host == "" || !strings.EqualFold(origin.Host, r.Host) {
		return false
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "" || site == "same-origin"
}
