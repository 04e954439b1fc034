package readers

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/worker"
)

// Socket is the socket of those who may only read, or none. It has one owner.
type Socket struct {
	Gate *control.Gate // what is served

	log     *slog.Logger
	path    string
	group   string      // whose socket there is; empty is none
	file    os.FileInfo // of the socket, as it was made
	problem string      // why there is none although it is wanted
}

// New is one in a run directory. inherited is the socket of the program before, made for group; nil is none.
func New(log *slog.Logger, dir worker.RunDir, inherited *net.UnixListener, group string) *Socket {
	s := &Socket{Gate: control.NewGate(inherited), log: log, path: dir.Readers()}
	if inherited != nil {
		s.group = group
		s.file, _ = os.Stat(s.path) // one that is gone is made anew
	}
	return s
}

// Keep has the socket be that of group, a name or a number; empty is that there is none. It is called when the
// group may have changed, and each second.
func (s *Socket) Keep(group string) {
	if group == "" {
		if s.group != "" {
			s.Gate.Remove()
		}
		s.group, s.file, s.problem = "", nil, ""
		return
	}
	if s.group == group && s.there() {
		return
	}
	l, err := listen(s.path, group)
	if err != nil {
		if s.group != "" && s.group != group { // it is another group's
			s.Gate.Remove()
			s.group, s.file = "", nil
		}
		if text := err.Error(); text != s.problem {
			s.problem = text
			s.log.Error("failed to make the socket for those who may read, trying again each second", "group", group,
				"error", text)
		}
		return
	}
	if s.problem != "" || s.group == group {
		s.log.Info("the socket for those who may read was made again", "group", group)
	}
	s.group, s.problem = group, ""
	s.Gate.Replace(l)
	s.file, _ = os.Stat(s.path)
}

// Problem says why those who may read cannot; empty when they can, or nobody may.
func (s *Socket) Problem() string {
	if s.problem == "" {
		return ""
	}
	return "status_socket: " + s.problem
}

// Group is whose socket there is; empty is that there is none.
func (s *Socket) Group() string { return s.group }

// there says whether the socket is there, with the mode and group that it was given.
func (s *Socket) there() bool {
	is, err := os.Lstat(s.path)
	return err == nil && s.file != nil && os.SameFile(is, s.file) && is.Mode().Perm() == s.file.Mode().Perm() &&
		groupOf(is) == groupOf(s.file)
}

// groupOf is the number of the group of a file; -1 where files have none.
func groupOf(f os.FileInfo) int {
	if s, ok := f.Sys().(*syscall.Stat_t); ok {
		return int(s.Gid)
	}
	return -1
}

// listen makes the socket of a group.
func listen(path, group string) (*net.UnixListener, error) {
	gid, err := lookUp(group)
	if err != nil {
		return nil, err
	}
	return control.ListenReaders(path, gid)
}

// lookUp is the number of a group.
func lookUp(group string) (int, error) {
	g, err := user.LookupGroup(group)
	if err != nil {
		if n, bad := strconv.ParseUint(group, 10, 31); bad == nil {
			return int(n), nil
		}
		if errors.Is(err, user.UnknownGroupError(group)) {
			return 0, fmt.Errorf("this host has no group %s", group)
		}
		return 0, fmt.Errorf("looking for its group: %w", err)
	}
	n, err := strconv.ParseUint(g.Gid, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("the number of group %s is %q: %w", group, g.Gid, err)
	}
	return int(n), nil
}
