package control

import (
	"context"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/lvs-director/director/event"
)

// peerKey is where the context of a question has its connection.
type peerKey struct{}

// withPeer is an http.Server.ConnContext.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	if u, ok := c.(*net.UnixConn); ok {
		return context.WithValue(ctx, peerKey{}, u)
	}
	return ctx
}

// remoteKey is where the context of a question has who asks it, when that is nobody at the control socket.
type remoteKey struct{}

// WithRemote is a context of a question that did not come by the control socket; who is for people.
func WithRemote(ctx context.Context, who string) context.Context {
	return context.WithValue(ctx, remoteKey{}, who)
}

// OperatorOf is who asks the question with this context, as the kernel knows the process at the
// other end of the connection; nil when that is not known. The process may have ended since: then
// only its user is known.
func OperatorOf(ctx context.Context) *event.Operator {
	if who, ok := ctx.Value(remoteKey{}).(string); ok {
		return &event.Operator{UID: -1, LoginUID: -1, Remote: who}
	}
	c, ok := ctx.Value(peerKey{}).(*net.UnixConn)
	if !ok {
		return nil
	}
	uid, pid, ok := credentials(c)
	if !ok {
		return nil
	}
	o := &event.Operator{UID: uid, PID: pid, LoginUID: -1}
	dir := "/proc/" + strconv.Itoa(pid) + "/"
	const nobody = 1<<32 - 1
	if text, err := os.ReadFile(dir + "loginuid"); err == nil {
		if n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32); err == nil && n != nobody {
			o.LoginUID = int(n)
		}
	}
	id := o.LoginUID
	if id < 0 {
		id = o.UID
	}
	if u, err := user.LookupId(strconv.Itoa(id)); err == nil {
		o.User = printable(u.Username)
	}
	for _, fd := range []string{"0", "2"} {
		target, err := os.Readlink(dir + "fd/" + fd)
		if name, is := strings.CutPrefix(target, "/dev/"); err == nil && is &&
			(strings.HasPrefix(name, "pts/") || strings.HasPrefix(name, "tty")) {
			o.Terminal = printable(name)
			break
		}
	}
	return o
}
