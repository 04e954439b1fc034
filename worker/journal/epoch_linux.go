package journal

import (
	"fmt"
	"os"
	"strings"
)

// Epoch names this boot and the network namespace of the calling thread.
func Epoch() (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("reading the boot id: %w", err)
	}
	netns, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		return "", fmt.Errorf("reading the network namespace: %w", err)
	}
	return strings.TrimSpace(string(boot)) + " " + netns, nil
}
