package journal

import (
	"fmt"
	"os"
	"strings"
)

// Epoch names this boot and this process's network namespace.
func Epoch() (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("finding out which boot this is: %w", err)
	}
	netns, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return "", fmt.Errorf("finding out which network namespace this is: %w", err)
	}
	return strings.TrimSpace(string(boot)) + " " + netns, nil
}
