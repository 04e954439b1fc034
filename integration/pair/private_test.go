//go:build linux

package pair

import (
	"os"
	"testing"

	"github.com/lvs-director/director/integration/lab"
)

// TestPeersSeeNothingOfThisMachine: a peer does not see users, groups and
// runtime files of packages installed on this machine.
func TestPeersSeeNothingOfThisMachine(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIP: only root can make a network namespace")
	}
	h := lab.New(t).Host("peer")
	argv, err := private(h, []string{"sh", "-c", "cat /etc/passwd /etc/group; ls -A /run"})
	if err != nil {
		t.Fatal(err)
	}
	if got := h.Run(argv...); got != peerPasswd+peerGroup {
		t.Errorf("a peer sees:\n%s", got)
	}
}
