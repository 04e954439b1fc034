package front

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/worker/front"
	"github.com/lvs-director/director/workers/front/web"
)

// The bounds of a connection to a browser that does not read.
const (
	pageBuffer   = 128 << 10 // bytes that wait for it in the kernel
	pagePatience = 30 * time.Second
)

// listenWeb serves the page until ctx ends.
func (p *process) listenWeb(ctx context.Context, s front.Web) error {
	at := s.Listen
	if s.Socket != "" {
		at = "unix:" + s.Socket
	}
	err := p.servePage(ctx, s)
	return fmt.Errorf("the page is not served at %s: %w", at, err)
}

func (p *process) servePage(ctx context.Context, s front.Web) error {
	if s.Problem != "" {
		return errors.New(s.Problem)
	}
	name, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("asking for the name of this host: %w", err)
	}
	var l net.Listener
	if s.Socket != "" {
		l, err = inheritedListener()
	} else {
		l, err = listen(ctx, s.Listen, boundConnections)
	}
	if err != nil {
		return err
	}
	l = newBounded(l)
	if s.TLS {
		pair, err := tls.X509KeyPair(s.Certificate, s.Key)
		if err != nil {
			return errors.Join(fmt.Errorf("the certificate or its key cannot be used: %w", err), l.Close())
		}
		// HTTP/1.1 only: each stream has a connection, which is bounded.
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	}
	budget := &budget{of: make(map[netip.Addr]int)}
	page := web.New(web.Options{
		Settings: s, Host: name, From: host,
		Allow: func(from netip.Addr) bool { return budget.take(time.Now(), from) },
		Snapshot: func(ctx context.Context) (*web.Snapshot, error) {
			got, err := p.source.get(ctx)
			switch {
			case err != nil:
				return nil, err
			case got.web == nil:
				return nil, errors.New("the page is asked for only now")
			}
			return got.web, nil
		},
		Refused: p.wrongToken,
		Ask: func(ctx context.Context, a front.Action, who, token string, body []byte) (json.RawMessage, error) {
			return p.requestWith(ctx, front.Request{Action: a, Way: front.ByWeb, Who: who, Token: token, Body: body})
		},
	})
	defer page.Close()
	p.problem("the page", "")
	return serve(ctx, page.HTTP(), l)
}

// inheritedListener is the Unix socket that the supervisor has made. It stays inherited: who listens
// again has it again.
func inheritedListener() (net.Listener, error) {
	own, err := unix.FcntlInt(front.WebListenerFD, unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("taking on the socket from the supervisor: %w", err)
	}
	f := os.NewFile(uintptr(own), "web")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("taking on the socket from the supervisor: %w", err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	return l, nil
}

// boundConnections bounds what waits in the kernel for a browser, and how long.
func boundConnections(_, _ string, c syscall.RawConn) error {
	var err error
	failed := c.Control(func(fd uintptr) {
		err = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, pageBuffer),
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(pagePatience.Milliseconds())))
	})
	return errors.Join(failed, err)
}
