package fronts

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/keyfile"
	"github.com/lvs-director/director/worker/front"
)

// Web is what the front is told of the page: the files are read, and of tokens it gets the hash.
func Web(c *conf.Web, keys keyfile.Keys) front.Web {
	if !c.Wanted() {
		return front.Web{}
	}
	w := front.Web{Socket: c.Socket, SocketGroup: c.Group, Hosts: c.Hosts, TLS: c.Certificate != ""}
	if c.Listen.IsValid() {
		w.Listen = c.Listen.String()
	}
	if w.TLS {
		w.Certificate, w.Key = []byte(keys.Web(c.Certificate)), []byte(keys.Web(c.Key))
		if len(w.Certificate) == 0 || len(w.Key) == 0 {
			w.Problem = "its certificate, or the key of it, cannot be read (director check says why)"
		}
	}
	for _, t := range c.Actions.Tokens {
		if secret := keys.Web(t.File); secret != "" {
			w.Tokens = append(w.Tokens, front.NewToken(keyfile.TokenName(t), string(secret)))
		}
	}
	return w
}

// Socket is the Unix socket of the page.
type Socket struct {
	Path  string // empty is none
	Group string // that may open it, beside root
}

// remove takes the socket away when nobody listens at it any more. What else is at its place stays, and so does
// that of another process which is too busy to answer.
func (s Socket) remove() {
	c, err := net.Dial("unix", s.Path)
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return
	}
	if info, err := os.Lstat(s.Path); err == nil && info.Mode().Type() == os.ModeSocket {
		_ = os.Remove(s.Path) // one that stays is replaced by the next page there
	}
}

// listen makes the socket. One that nobody listens at any more is replaced; anything else at its place
// stays, and is an error.
func (s Socket) listen() (*os.File, error) {
	what := "making the Unix socket of the page at " + s.Path
	c, err := net.Dial("unix", s.Path)
	switch {
	case err == nil:
		c.Close()
		return nil, fmt.Errorf("%s: another process listens there", what)
	case errors.Is(err, syscall.EAGAIN): // it does, and has no room for one more
		return nil, fmt.Errorf("%s: another process listens there, and is busy", what)
	case !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%s: asking whether somebody listens there: %w", what, err)
	}
	info, err := os.Lstat(s.Path)
	switch {
	case err == nil && info.Mode().Type() != os.ModeSocket:
		return nil, fmt.Errorf("%s: something that is no socket is there", what)
	case err == nil:
		err = os.Remove(s.Path)
	case errors.Is(err, os.ErrNotExist):
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	gid := 0
	if s.Group != "" {
		if gid, err = groupNumber(s.Group); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.Path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	l.SetUnlinkOnClose(false)
	defer l.Close()
	mode := os.FileMode(0o600)
	if s.Group != "" {
		mode = 0o660
		err = os.Lchown(s.Path, -1, gid)
	}
	if err == nil {
		err = os.Chmod(s.Path, mode)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	f, err := l.File()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return f, nil
}

// groupNumber is the number of a group that is named by its name or its number.
func groupNumber(group string) (int, error) {
	g, err := user.LookupGroup(group)
	number := group
	switch {
	case err == nil:
		number = g.Gid
	case errors.Is(err, user.UnknownGroupError(group)):
		err = fmt.Errorf("this host has no group %s", group)
	}
	if n, bad := strconv.ParseUint(number, 10, 31); bad == nil {
		return int(n), nil
	}
	return 0, err
}
