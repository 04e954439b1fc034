//go:build linux

package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/lvs-director/director/integration/debian"
)

// errNoBoot says that the guest did not come up within its limit.
var errNoBoot = errors.New("the guest did not boot")

// machine is one guest with what it boots from.
type machine struct {
	kernel    debian.Kernel
	image     string
	initramfs string
	share     string // folder shared for writing that holds start.sh and paths.sh
	cmd       Command
}

// run boots the machine with the given accelerator and waits for the end of
// its command.
func (m *machine) run(ctx context.Context, accel string, bootLimit time.Duration) (int, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	statusFile := filepath.Join(m.share, "status")
	if err := os.WriteFile(statusFile, nil, 0o644); err != nil {
		return 0, err
	}
	console := filepath.Join(m.cmd.Logs, "console.log")
	cmd := exec.Command("qemu-system-x86_64", m.args(accel, console, statusFile)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stdout = m.cmd.Stdout
	complaints := &bytes.Buffer{}
	cmd.Stderr = complaints
	// QEMU unplugs the guest's port when it reads an end of file, so its
	// standard input stays open even if ours is closed.
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	if m.cmd.Stdin != nil {
		go io.Copy(stdin, m.cmd.Stdin)
	}
	started := time.Now()
	ended, err := startKeepingThread(cmd)
	if err != nil {
		return 0, fmt.Errorf("%w: start QEMU: %w", ErrUnavailable, err)
	}
	go watchStarvation(ctx, cmd.Process.Pid, filepath.Join(m.share, starvedFile))
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for booted := false; ; {
		select {
		case <-ctx.Done():
			cmd.Process.Kill()
			<-ended
			return 0, ctx.Err()
		case err := <-ended:
			text, _ := os.ReadFile(statusFile)
			up, status, exited := parseStatus(string(text))
			switch {
			case exited:
				return status, nil
			case !up:
				return 0, fmt.Errorf("%w (%s): QEMU ended: %v: %s", errNoBoot, accel, err, firstLine(complaints.String()))
			}
			return 0, fmt.Errorf("the guest ended without the status of its command (%v: %s); its console: %s",
				err, complaints, console)
		case <-tick.C:
			if booted {
				continue
			}
			text, _ := os.ReadFile(statusFile)
			if booted, _, _ = parseStatus(string(text)); booted {
				fmt.Fprintf(m.cmd.Say, "lab: guest with Linux %s is up after %.1f s (%s)\n",
					m.kernel.Release, time.Since(started).Seconds(), accel)
			} else if time.Since(started) > bootLimit {
				cmd.Process.Kill()
				<-ended
				return 0, fmt.Errorf("%w within %v (%s); its console: %s", errNoBoot, bootLimit, accel, console)
			}
		}
	}
}

// args is QEMU's command line: a machine with two processors, one when its clock counts
// instructions, and a port each for the command's output and for its exit status.
func (m *machine) args(accel, console, statusFile string) []string {
	processors := "2"
	if accel == counted {
		processors = "1"
	}
	args := []string{
		"-accel", accel, "-M", "q35", "-cpu", "max,-erms,-fsrm", "-smp", processors, "-m", "2G",
		"-display", "none", "-monitor", "none", "-no-reboot",
		"-serial", "file:" + console,
		"-kernel", m.image, "-initrd", m.initramfs,
		"-append", "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on tsc=reliable clocksource=tsc " +
			"init_on_alloc=0 lsm=yama audit=0 kfence.sample_interval=0 nowatchdog",
		"-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap",
		"-device", "virtio-9p-pci,fsdev=host,mount_tag=host",
		"-fsdev", "local,id=share,path=" + qemuValue(m.share) + ",security_model=none",
		"-device", "virtio-9p-pci,fsdev=share,mount_tag=share",
		"-fsdev", "local,id=logs,path=" + qemuValue(m.cmd.Logs) + ",security_model=none",
		"-device", "virtio-9p-pci,fsdev=logs,mount_tag=logs",
		"-device", "virtio-serial-pci",
		"-chardev", "stdio,id=out,signal=off", "-device", "virtserialport,chardev=out,name=lab.out",
		"-chardev", "file,id=status,path=" + qemuValue(statusFile), "-device",
		"virtserialport,chardev=status,name=lab.status",
	}
	if accel == counted {
		args = append(args, "-icount", "shift=1,sleep=on") // 2 ns each
	}
	if m.cmd.Tap == "" {
		args = append(args, "-nic", "none")
	} else {
		args = append(args, "-netdev", "tap,id=net,script=no,downscript=no,ifname="+qemuValue(m.cmd.Tap),
			"-device", "virtio-net-pci,netdev=net")
	}
	if m.cmd.QMP != "" {
		args = append(args, "-qmp", "unix:"+qemuValue(m.cmd.QMP)+",server=on,wait=off")
	}
	return args
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// qemuValue writes a value inside a list that QEMU splits at commas.
func qemuValue(s string) string { return strings.ReplaceAll(s, ",", ",,") }

// startKeepingThread starts cmd on a thread that lives as long as the process
// does: the parent-death signal fires when the starting thread ends.
func startKeepingThread(cmd *exec.Cmd) (ended <-chan error, err error) {
	started, done := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			done <- cmd.Wait()
		}
	}()
	return done, <-started
}
