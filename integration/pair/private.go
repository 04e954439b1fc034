//go:build linux

package pair

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/lvs-director/director/integration/lab"
)

// Files of /etc that a peer reads, independent of what is installed on this
// machine.
var plainFiles = []string{
	"ld.so.cache", "ld.so.conf", "hosts", "protocols", "services", "localtime",
	"iproute2/rt_tables", "iproute2/rt_protos", "iproute2/rt_scopes", "iproute2/rt_realms", "iproute2/group",
}

// Debian's FRR requires its group with root as a member. Without a user
// keepalived_script, keepalived runs its scripts as root.
const (
	peerPasswd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
	peerGroup  = "root:x:0:\nnogroup:x:65534:\nfrrvty:x:65533:root\n"
)

// private wraps a peer's command line so that it runs with a private /etc and
// /run: a test must not depend on what is installed on this machine. The process
// keeps its ID.
func private(h *lab.Host, argv []string) ([]string, error) {
	etc := filepath.Join(h.Dir(), "etc")
	files := map[string][]byte{
		"passwd": []byte(peerPasswd), "group": []byte(peerGroup),
		"nsswitch.conf": []byte("passwd: files\ngroup: files\nhosts: files\n"),
	}
	for _, name := range plainFiles {
		if text, err := os.ReadFile(filepath.Join("/etc", name)); err == nil {
			files[name] = text
		}
	}
	for name, text := range files {
		path := filepath.Join(etc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, fmt.Errorf("make an /etc for %s: %w", h.Name, err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return nil, fmt.Errorf("make an /etc for %s: %w", h.Name, err)
		}
	}
	const script = `mount --bind "$0" /etc && mount -t tmpfs tmpfs /run && exec "$@"`
	return append([]string{"unshare", "--mount", "sh", "-c", script, etc}, argv...), nil
}
