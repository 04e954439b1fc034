package vrrp_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp"
	"github.com/lvs-director/director/vrrp/link"
)

// A native node is this test binary, started again in a network namespace of
// its own, with an engine on the real kernel.

const nodeVariable = "DIRECTOR_VRRP_TEST_NODE"

// nodeConfig is what a native node is told.
type nodeConfig struct {
	// Address of eth0; empty is an interface that is ready.
	Address string
	// Peer is the process to make a link to; 0 waits for the other to do so.
	Peer      int
	Instances []*conf.Instance
	// Held and Resume are what a former process in the namespace has left.
	Held   map[string]bool
	Resume map[string]vrrp.Resume
}

func TestMain(m *testing.M) {
	if os.Getenv(nodeVariable) != "" {
		if err := beNode(os.Stdin); err != nil {
			fmt.Println("ERROR", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// beNode reads its configuration and runs an engine until the input ends. It
// prints its states and the gratuitous ARPs that it sees.
func beNode(input io.Reader) error {
	var c nodeConfig
	if err := json.NewDecoder(input).Decode(&c); err != nil {
		return err
	}
	fmt.Println("READY")
	eth0, err := plug(c)
	if err != nil {
		return err
	}
	tap, err := packet.Listen(eth0, packet.Raw, unix.ETH_P_ARP, nil)
	if err != nil {
		return err
	}
	go func() {
		frame := make([]byte, 256)
		for {
			n, _, err := tap.ReadFrom(frame)
			if err != nil {
				return
			}
			if n >= 42 && bytes.Equal(frame[28:32], frame[38:42]) {
				fmt.Println("ARP", netip.AddrFrom4([4]byte(frame[28:32])))
			}
		}
	}()
	if c.Held == nil {
		c.Held = make(map[string]bool)
	}
	kernel, err := link.NewKernel()
	if err != nil {
		return err
	}
	engine := vrrp.New(vrrp.Options{
		Log:     slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Journal: &journal{held: c.Held},
		Network: kernel,
		Clock:   link.SystemClock{},
		Events:  func(s event.InstanceState) { fmt.Println("STATE", s.State) },
	})
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(context.Background()) }()
	cfg := &conf.Config{Instances: c.Instances}
	if err := engine.Apply(context.Background(), cfg, byID(cfg, c.Resume)); err != nil {
		return err
	}
	if c.Resume == nil {
		engine.AllowMaster()
	}
	if _, err := io.Copy(io.Discard, input); err != nil {
		return err
	}
	engine.Stop(true)
	return <-ended
}

// plug makes eth0 and the link to the peer, or waits for it.
func plug(c nodeConfig) (*net.Interface, error) {
	if c.Peer != 0 {
		err := netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: "eth0"},
			PeerName:  "eth0", PeerNamespace: netlink.NsPid(c.Peer),
		})
		if err != nil {
			return nil, err
		}
	}
	var dev netlink.Link
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var err error
		if dev, err = netlink.LinkByName("eth0"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			return nil, err
		}
	}
	if c.Address == "" {
		return net.InterfaceByName("eth0")
	}
	addr, err := netlink.ParseAddr(c.Address)
	if err != nil {
		return nil, err
	}
	if err := netlink.AddrAdd(dev, addr); err != nil {
		return nil, err
	}
	if err := netlink.LinkSetUp(dev); err != nil {
		return nil, err
	}
	return net.InterfaceByName("eth0")
}

// native is a started native node.
type native struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	log   *logBuffer
	lines <-chan string
	ns    netns.NsHandle
	net   *netlink.Handle
}

// startNative starts a node in a namespace of its own.
func startNative(t *testing.T, c nodeConfig) *native {
	t.Helper()
	return startIn(t, c, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET})
}

// restart starts a node in the namespace of one that has ended.
func (n *native) restart(c nodeConfig) *native {
	n.t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here, err := netns.Get()
	check(n.t, err)
	defer here.Close()
	check(n.t, netns.Set(n.ns))
	defer func() { check(n.t, netns.Set(here)) }()
	return startIn(n.t, c, nil)
}

func startIn(t *testing.T, c nodeConfig, attr *syscall.SysProcAttr) *native {
	t.Helper()
	n := &native{t: t, cmd: exec.Command("/proc/self/exe"), log: &logBuffer{}}
	n.cmd.Env = append(os.Environ(), nodeVariable+"=1")
	n.cmd.Stderr = n.log
	n.cmd.SysProcAttr = attr
	stdin, err := n.cmd.StdinPipe()
	check(t, err)
	n.stdin = stdin
	stdout, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatalf("starting a node in a network namespace: %v", err)
	}
	check(t, json.NewEncoder(stdin).Encode(c))
	lines := make(chan string, 1024)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			lines <- s.Text()
		}
	}()
	n.lines = lines
	t.Cleanup(func() {
		_ = n.cmd.Process.Kill() // it may have ended
		for range lines {
		}
		_ = n.cmd.Wait()
		if t.Failed() {
			t.Logf("log of %s:\n%s", c.Address, n.log)
		}
	})
	n.expect("READY")
	n.ns, err = netns.GetFromPid(n.cmd.Process.Pid)
	check(t, err)
	n.net, err = netlink.NewHandleAt(n.ns, unix.NETLINK_ROUTE)
	check(t, err)
	t.Cleanup(func() {
		n.net.Close()
		_ = n.ns.Close() // nothing can be done about it
	})
	return n
}

// expect reads what the node says up to a line.
func (n *native) expect(want string) {
	n.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case line, ok := <-n.lines:
			if line == want {
				return
			}
			if !ok || strings.HasPrefix(line, "ERROR") {
				n.t.Fatalf("the node ended instead of saying %q: %s\n%s", want, line, n.log)
			}
		case <-deadline:
			n.t.Fatalf("the node has not said %q within 20 s\n%s", want, n.log)
		}
	}
}

// expectAddress waits until eth0 has an address, or has it not.
func (n *native) expectAddress(address string, want bool) {
	n.t.Helper()
	addr, err := netlink.ParseAddr(address)
	if err != nil {
		n.t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if n.has(addr) == want {
			return
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("eth0 has %s: %v, want %v\n%s", address, !want, want, n.log)
		}
	}
}

func (n *native) has(addr *netlink.Addr) bool {
	n.t.Helper()
	list, err := n.net.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		n.t.Fatal(err)
	}
	return slices.ContainsFunc(list, func(a netlink.Addr) bool { return a.Equal(*addr) })
}

func (n *native) eth0() netlink.Link {
	n.t.Helper()
	dev, err := n.net.LinkByName("eth0")
	if err != nil {
		n.t.Fatal(err)
	}
	return dev
}

// nativePair is two nodes at 100 ms, a with the higher priority and MASTER.
func nativePair(t *testing.T) (a, b *native) {
	t.Helper()
	return nativePairAt(t, 100*time.Millisecond)
}

func nativeInstance(priority uint8, interval time.Duration) *conf.Instance {
	return with(instance("VI", priority, vip), func(i *conf.Instance) {
		i.AdvertInterval = interval
		i.GARP.MasterDelay = 0
	})
}

func nativePairAt(t *testing.T, interval time.Duration) (a, b *native) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, to make network namespaces")
	}
	b = startNative(t, nodeConfig{Address: "10.0.0.2/24", Instances: []*conf.Instance{nativeInstance(100, interval)}})
	a = startNative(t, nodeConfig{
		Address: "10.0.0.1/24", Peer: b.cmd.Process.Pid,
		Instances: []*conf.Instance{nativeInstance(150, interval)},
	})
	a.expect("STATE MASTER")
	a.expectAddress(vip, true)
	b.expectAddress(vip, false)
	return a, b
}

func TestNativeFailoverAfterAKill(t *testing.T) {
	a, b := nativePair(t)
	check(t, a.cmd.Process.Kill())
	b.expect("STATE MASTER")
	b.expectAddress(vip, true)
}

func TestNativeRestartedProcessResumes(t *testing.T) {
	a, b := nativePairAt(t, 300*time.Millisecond)
	// It may have been MASTER for a moment, before the better one was ready: it
	// has settled when it has nothing to say for three intervals.
	for settled := false; !settled; {
		select {
		case <-b.lines:
		case <-time.After(3 * 300 * time.Millisecond):
			settled = true
		}
	}
	check(t, a.cmd.Process.Kill())
	killed := time.Now()
	again := a.restart(nodeConfig{
		Instances: []*conf.Instance{nativeInstance(150, 300*time.Millisecond)},
		Held:      map[string]bool{"address eth0 " + vip: true},
		Resume:    map[string]vrrp.Resume{"VI": {State: event.Master, SilentFor: time.Since(killed)}},
	})
	again.expect("STATE MASTER")
	time.Sleep(time.Until(killed.Add(2 * time.Second)))
	again.expectAddress(vip, true)
	b.expectAddress(vip, false)
	for len(b.lines) > 0 {
		if line := <-b.lines; line == "STATE MASTER" {
			t.Error("the peer became MASTER although the restarted process was back in time")
		}
	}
	check(t, again.stdin.Close())
	b.expect("STATE MASTER")
	again.expectAddress(vip, false)
}

func TestNativeGracefulStop(t *testing.T) {
	a, b := nativePair(t)
	check(t, a.stdin.Close())
	a.expect("STATE STOP")
	b.expect("STATE MASTER")
	b.expectAddress(vip, true)
}

func TestNativeNeighboursAreTold(t *testing.T) {
	_, b := nativePair(t)
	for range 5 {
		b.expect("ARP 10.0.0.100")
	}
}

func TestNativeAddressIsPutBack(t *testing.T) {
	a, b := nativePair(t)
	for range 5 {
		b.expect("ARP 10.0.0.100")
	}
	addr, err := netlink.ParseAddr(vip)
	check(t, err)
	check(t, a.net.AddrDel(a.eth0(), addr))
	a.expectAddress(vip, true)
	b.expect("ARP 10.0.0.100") // announced again
}

func TestNativeInterfaceDownAndUp(t *testing.T) {
	a, b := nativePair(t)
	check(t, a.net.LinkSetDown(a.eth0()))
	a.expect("STATE FAULT")
	a.expectAddress(vip, false)
	b.expect("STATE FAULT") // a veth has no carrier without its peer
	check(t, a.net.LinkSetUp(a.eth0()))
	a.expect("STATE MASTER")
	b.expect("STATE BACKUP")
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
