// Package directors finds the directors of this host, and one of them by its files.
package directors

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lvs-director/director/keepalived/commandline"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/supervisor/pidfile"
	"github.com/lvs-director/director/worker"
)

const (
	patience = 3 * time.Second // of each director
	atOnce   = 16              // directors that are asked at the same time
)

// Listed is a director of this host, and how it and its configuration are reached.
type Listed struct {
	control.Listed
	Reach worker.RunDir
	File  string
}

// List asks all directors of this host. One that does not answer says why not.
func List() ([]Listed, error) {
	found, err := hostcheck.Directors()
	if err != nil {
		return nil, err
	}
	list := make([]Listed, len(found))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, d := range found {
		group.Go(func() error {
			list[i] = ask(d)
			return nil
		})
	}
	return list, group.Wait()
}

func ask(d hostcheck.Director) Listed {
	l := Listed{Listed: control.Listed{Pid: d.Pid, RunDir: string(d.RunDir)}, Reach: d.Reach}
	var s control.Status
	if err := control.Ask(d.Reach, http.MethodGet, "/v1/status", patience, nil, &s); err != nil {
		l.Error = err.Error()
		return l
	}
	l.Config, l.Problems = absolute(d.Pid, s.Config), len(s.Problems)
	l.Instances, l.VirtualServers = len(s.Instances), len(s.VirtualServers)
	l.File = fromHere(d.Pid, l.Config)
	return l
}

// absolute is the name of a file that a process has given. A relative one is of its directory.
func absolute(pid int, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	dir, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
	if err != nil {
		return name
	}
	return filepath.Join(dir, name)
}

// fromHere is an absolute name of a process, which may have another root directory, as it is reached from here.
func fromHere(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), "root", name)
}

// File is the configuration file of a director that has answered, as it is reached from here.
func File(s control.Status) string {
	name := absolute(s.Pid, s.Config)
	theirs, err := os.Stat(fromHere(s.Pid, name))
	if err != nil {
		return name
	}
	if ours, err := os.Stat(name); err == nil && os.SameFile(ours, theirs) {
		return name
	}
	return fromHere(s.Pid, name)
}

// ByPid is the run directory of the director with a pid file. One that was given a directory
// of its own beside its pid file is found by the pid. A number is the pid itself: of the unit that
// systemd asks to reload.
func ByPid(file string) (worker.RunDir, error) {
	if pid, err := strconv.Atoi(file); err == nil {
		dir, err := withPid(pid)
		if err == nil && dir == "" {
			err = fmt.Errorf("process %d is no director", pid)
		}
		return dir, err
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", file, err)
	}
	pid, err := pidfile.Read(path)
	if err == nil {
		if dir, err := withPid(pid); err != nil || dir != "" {
			return dir, err
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	return worker.RunDir(commandline.RunDir(path)), nil // the answer is that none runs there
}

// withPid is the run directory of the director that is a process; empty is none.
func withPid(pid int) (worker.RunDir, error) {
	list, err := hostcheck.Directors()
	if err != nil {
		return "", err
	}
	for _, d := range list {
		if d.Pid == pid {
			return d.Reach, nil
		}
	}
	return "", nil
}

// ByFile is the run directory of the director that runs with a configuration file.
func ByFile(file string) (worker.RunDir, error) {
	wanted, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	list, err := List()
	if err != nil {
		return "", err
	}
	var found []Listed
	for _, l := range list {
		if theirs, err := os.Stat(l.File); l.File != "" && err == nil && os.SameFile(wanted, theirs) {
			found = append(found, l)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%w with %s: director list shows those that run", control.ErrNoDirector, file)
	case 1:
		return found[0].Reach, nil
	}
	return "", fmt.Errorf("%d directors run with %s: director list shows their run directories; choose one with --run-dir",
		len(found), file)
}
