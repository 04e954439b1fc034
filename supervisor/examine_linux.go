package supervisor

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// unkillable says in words why a process that says nothing is better left
// alone: a signal does not end it, or whoever stopped it will let it go on.
// Empty says that it may be killed.
func unkillable(pid int) string {
	dir := fmt.Sprintf("/proc/%d", pid)
	if cgroup := frozenCgroup(dir); cgroup != "" {
		return "its cgroup " + cgroup + " is frozen"
	}
	fields := statusFields(filepath.Join(dir, "status"))
	state, _, _ := strings.Cut(fields["State"], " ")
	switch {
	case state == "D":
		return "it waits in the kernel and cannot be interrupted (state D)"
	case state == "t" || fields["TracerPid"] != "" && fields["TracerPid"] != "0":
		return "it is traced by process " + fields["TracerPid"]
	}
	return ""
}

// statusFields reads lines of the form "Name:  value".
func statusFields(path string) map[string]string {
	fields := make(map[string]string)
	text, err := os.ReadFile(path)
	if err != nil {
		return fields // the process has ended
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok {
			fields[name] = strings.TrimSpace(value)
		}
	}
	return fields
}

// frozenCgroup is the cgroup of a process that is frozen, in either version;
// empty when none is.
func frozenCgroup(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		path := parts[2]
		if parts[0] == "0" && says(filepath.Join("/sys/fs/cgroup", path, "cgroup.events"), "frozen 1") {
			return path
		}
		if parts[1] == "freezer" && says(filepath.Join("/sys/fs/cgroup/freezer", path, "freezer.state"), "FROZEN") {
			return path
		}
	}
	return ""
}

// says whether a file has a line.
func says(path, want string) bool {
	text, err := os.ReadFile(path)
	if err != nil {
		return false // there is no such controller here
	}
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) == want {
			return true
		}
	}
	return false
}
