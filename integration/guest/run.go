//go:build linux

package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/integration/debian"
)

// Command is a program of this machine to run in the guest.
type Command struct {
	Argv   []string
	Env    []string
	Dir    string    // working directory
	Logs   string    // folder shared for writing; also receives console.log
	Stdin  io.Reader // nil for none
	Stdout io.Writer // standard output and error together
	Say    io.Writer // messages about the guest: downloads, boot time
	Tap    string    // the tap interface that is the far end of the guest's eth0; none when empty
	QMP    string    // path of a socket on which QEMU takes commands (qemu-qmp-ref(7)); none when empty
}

// ErrUnavailable says that no guest can be run on this machine, and why.
var ErrUnavailable = errors.New("the lab's guest cannot run here")

// CountedVar in the environment, when it is set, makes the guest's clock count instructions: one
// processor carries out 500 million in each of the guest's seconds. What is measured there does
// not depend on what else this machine does, nor on how fast it is.
const CountedVar = "DIRECTOR_GUEST_COUNTED"

const (
	kvmBootLimit     = 6 * time.Second
	tcgBootLimit     = 2 * time.Minute
	countedBootLimit = 5 * time.Minute
)

// QEMU's accelerators in software.
const (
	emulated = "tcg,thread=multi"
	counted  = "tcg,thread=single" // with CountedVar
)

// Run boots the guest, runs the command and returns its exit status. It tries
// hardware virtualisation first, with a short limit: some machines offer it and
// then hang.
func Run(ctx context.Context, cmd Command) (status int, err error) {
	ExtendPath()
	if err := requireTools(); err != nil {
		return 0, err
	}
	cache, err := debian.OpenCache(cmd.Say)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	kernel, err := cache.Kernel(ctx)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	initramfs, err := buildInitramfs(cache.Dir(), kernel)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err := os.MkdirAll(cmd.Logs, 0o755); err != nil {
		return 0, fmt.Errorf("make the folder for logs: %w", err)
	}
	share, err := os.MkdirTemp("", "director-guest-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(share)
	m := machine{kernel: kernel, image: quickImage(ctx, cache.Dir(), kernel), initramfs: initramfs, share: share, cmd: cmd}
	paths := fmt.Sprintf("logs=%s\nmodules=%s\n", quote(cmd.Logs), quote(kernel.Modules))
	for name, script := range map[string]string{"start.sh": startScript(cmd), "paths.sh": paths} {
		if err := os.WriteFile(filepath.Join(share, name), []byte(script), 0o755); err != nil {
			return 0, err
		}
	}

	if os.Getenv(CountedVar) != "" {
		return m.run(ctx, counted, countedBootLimit)
	}
	if kvmWorthTrying(cache.Dir()) {
		status, err := m.run(ctx, "kvm", kvmBootLimit)
		if !errors.Is(err, errNoBoot) {
			return status, err
		}
		rememberNoKVM(cache.Dir())
		fmt.Fprintf(cmd.Say, "lab: /dev/kvm is there but of no use, so the guest runs in software emulation: %v\n", err)
	}
	return m.run(ctx, emulated, tcgBootLimit)
}

// requireTools returns an error that lists the missing tools, with the command
// that installs them.
func requireTools() error {
	var missing []string
	for tool, pkg := range map[string]string{
		"qemu-system-x86_64": "qemu-system-x86",
		"busybox":            "busybox-static",
		"depmod":             "kmod",
	} {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: as root, run: apt-get install --no-install-recommends %s", ErrUnavailable,
			strings.Join(missing, " "))
	}
	return nil
}

// startScript is what the guest's shell runs: the command with its
// environment and its working directory.
func startScript(cmd Command) string {
	var b strings.Builder
	for _, v := range append(cmd.Env, insideVar+"=1") {
		name, value, ok := strings.Cut(v, "=")
		if ok && shellName(name) {
			fmt.Fprintf(&b, "export %s=%s\n", name, quote(value))
		}
	}
	fmt.Fprintf(&b, "cd %s || exit 125\nexec", quote(cmd.Dir))
	for _, arg := range cmd.Argv {
		fmt.Fprintf(&b, " %s", quote(arg))
	}
	b.WriteByte('\n')
	return b.String()
}

// shellName reports whether the shell can export a variable of this name.
func shellName(name string) bool {
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

// quote makes one word of s for the shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// The file name contains the boot ID, so a KVM that hung is tried again after a reboot.
const (
	bootIDFile = "/proc/sys/kernel/random/boot_id"
	noKVMFile  = ".no-kvm"
)

func kvmWorthTrying(cacheDir string) bool {
	kvm, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	kvm.Close()
	boot, err := os.ReadFile(bootIDFile)
	if err != nil {
		return true
	}
	failed, _ := os.ReadFile(filepath.Join(cacheDir, noKVMFile))
	return string(failed) != string(boot)
}

func rememberNoKVM(cacheDir string) {
	// Without the file the next start takes a few seconds longer, so ignore errors.
	if boot, err := os.ReadFile(bootIDFile); err == nil {
		_ = os.WriteFile(filepath.Join(cacheDir, noKVMFile), boot, 0o644)
	}
}

// parseStatus reads the guest's messages on its status port: "up" when it has
// booted, "exit N" when the command has ended.
func parseStatus(text string) (up bool, status int, exited bool) {
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "up":
			up = true
		case "exit":
			if n, err := strconv.Atoi(rest); err == nil {
				status, exited = n, true
			}
		}
	}
	return up, status, exited
}
