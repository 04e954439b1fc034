package netns

import (
	"fmt"
	"os"
	"strings"
)

// Epoch names this boot and the network namespace of the calling thread: what was noted in
// another one says nothing of the kernel as it is.
func Epoch() (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("reading the boot id: %w", err)
	}
	namespace, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		return "", fmt.Errorf("reading the network namespace: %w", err)
	}
	return strings.TrimSpace(string(boot)) + " " + namespace, nil
}
