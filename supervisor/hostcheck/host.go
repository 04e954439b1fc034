package hostcheck

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/netns"
	"github.com/lvs-director/director/notify/program"
	"github.com/lvs-director/director/virtualserver/ipvs"
)

// resolvePatience bounds the search for the address of one name.
const resolvePatience = 3 * time.Second

// ThisHost asks the host this process runs on, in the network namespaces of cfg,
// and changes nothing there.
func ThisHost(cfg *conf.Config) (Host, error) {
	h := Host{
		interfaces: make(map[string]hostInterface),
		user: func(name string) bool {
			_, byName := user.Lookup(name)
			_, byID := user.LookupId(name)
			return byName == nil || byID == nil
		},
		group: func(name string) bool {
			_, byName := user.LookupGroup(name)
			_, byID := user.LookupGroupId(name)
			return byName == nil || byID == nil
		},
		program: lookAtProgram,
		file: func(name string) error {
			f, err := os.Open(name)
			if err != nil {
				return err
			}
			return f.Close()
		},
		there: func(name string) error {
			_, err := os.Stat(name)
			return err
		},
		notFIFO: func(name string) bool {
			info, err := os.Lstat(name)
			return err == nil && info.Mode()&os.ModeNamedPipe == 0
		},
		resolve: func(name string) error {
			ctx, cancel := context.WithTimeout(context.Background(), resolvePatience)
			defer cancel()
			_, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
			return err
		},
		ipvs:    func() error { return kernelHasIPVS(kernelModule) },
		module:  kernelModule,
		feature: kernelFeature,
		setting: settingIn(cfg),
		way: func(a netip.Addr) (device string, err error) {
			failed := netns.Do(cfg.NetworkNamespace, func() error { device, err = wayTo(a); return nil })
			return device, cmp.Or(err, failed)
		},
	}
	for _, name := range []string{cfg.NetworkNamespace, cfg.IPVSNamespace} {
		if name == "" {
			continue
		}
		if _, err := netns.Inside(name); err != nil {
			h.noNamespace = err
			return h, nil // it is a finding, and all there is to say
		}
	}
	err := netns.Do(cfg.NetworkNamespace, func() error {
		if err := h.lookAtInterfaces(); err != nil {
			return err
		}
		return h.lookAtAliases(cfg)
	})
	h.inner = inUserNamespace()
	return h, err
}

func (h *Host) lookAtInterfaces() error {
	list, err := net.Interfaces()
	if err != nil {
		return fmt.Errorf("looking at the interfaces of this host: %w", err)
	}
	for _, i := range list {
		hi := hostInterface{up: i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0, mtu: i.MTU}
		addrs, err := i.Addrs()
		if err != nil {
			return fmt.Errorf("looking at the addresses of %s: %w", i.Name, err)
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				hi.networks = append(hi.networks, p)
			}
		}
		h.interfaces[i.Name] = hi
	}
	if err := h.lookAtMarks(); err != nil {
		return fmt.Errorf("looking at the addresses of this host: %w", err)
	}
	return nil
}

// lookAtMarks notes which addresses carry the mark of a director or keepalived.
func (h *Host) lookAtMarks() error {
	list, err := hostAddresses()
	if err != nil {
		return err
	}
	for _, a := range list {
		if i, ok := h.interfaces[a.Device]; ok && a.Marked {
			if i.marked == nil {
				i.marked = make(map[netip.Prefix]bool)
			}
			i.marked[a.Prefix] = true
			h.interfaces[a.Device] = i
		}
	}
	return nil
}

// inUserNamespace says whether root of this process is not the root of the host:
// only the first user namespace maps all of its users to themselves
// (user_namespaces(7)).
func inUserNamespace() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && !slices.Equal(strings.Fields(string(text)), []string{"0", "0", "4294967295"})
}

// lookAtProgram finds a script's program and says whether only root can change it.
func lookAtProgram(name string) (missing, unsafe error) {
	path := name
	if !strings.Contains(name, "/") {
		found, err := exec.LookPath(name)
		if err != nil {
			return fmt.Errorf("there is no program %s on PATH", name), nil
		}
		path = found
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err, nil
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a program", path), nil
	case info.Mode()&0o111 == 0:
		return fmt.Errorf("%s is not executable", path), nil
	}
	parts, err := program.Parts(path)
	if err == nil {
		err = program.CheckParts(parts)
	}
	return nil, err
}

// kernelHasIPVS looks for IPVS without loading it.
func kernelHasIPVS(module func(string) presence) error {
	if _, err := os.Stat(ipvsList); err == nil {
		return nil
	}
	if module("ip_vs") == absent {
		return ipvs.ErrNoIPVS
	}
	return nil // it can be loaded, or that is not known
}

// kernelModule says whether the running kernel has a module: loaded, built in,
// or in its directory.
func kernelModule(name string) presence {
	if _, err := os.Stat(filepath.Join("/sys/module", name)); err == nil {
		return present
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return notKnown
	}
	dir := filepath.Join("/lib/modules", unix.ByteSliceToString(uts.Release[:]))
	known := false
	for _, list := range []string{"modules.dep", "modules.builtin"} {
		found, err := listsModule(filepath.Join(dir, list), name)
		known = known || err == nil
		if found {
			return present
		}
	}
	if !known {
		if _, err := os.Stat("/proc/modules"); errors.Is(err, os.ErrNotExist) {
			return absent // a kernel without modules: what is not there cannot come
		}
		return notKnown
	}
	return absent
}

// listsModule looks for a module in a list of files, "kernel/net/.../ip_vs.ko.xz: ...".
func listsModule(file, name string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		path, _, _ := strings.Cut(lines.Text(), ":")
		if base, _, _ := strings.Cut(filepath.Base(path), "."); strings.ReplaceAll(base, "-", "_") == name {
			return true, nil
		}
	}
	return false, lines.Err()
}
