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
	Address string
	// Peer is the process to make a link to; 0 waits for the other to do so.
	Peer     int
	Instance *conf.Instance
}

func TestMain(m *testing.M) {
	if text := os.Getenv(nodeVariable); text != "" {
		if err := beNode(text); err != nil {
			fmt.Println("ERROR", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// beNode runs an engine until standard input ends. It prints its states and
// the gratuitous ARPs that it sees.
func beNode(text string) error {
	var c nodeConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
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
	kernel, err := link.NewKernel()
	if err != nil {
		return err
	}
	engine := vrrp.New(vrrp.Options{
		Log:     slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Journal: &journal{held: map[string]bool{}},
		Network: kernel,
		Clock:   link.SystemClock{},
		Events:  func(s event.InstanceState) { fmt.Println("STATE", s.State) },
	})
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(context.Background()) }()
	if err := engine.Apply(context.Background(), &conf.Config{Instances: []*conf.Instance{c.Instance}}, nil); err != nil {
		return err
	}
	engine.AllowMaster()
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
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
	net   *netlink.Handle
}

func startNative(t *testing.T, c nodeConfig) *native {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	n := &native{t: t, cmd: exec.Command("/proc/self/exe"), log: &logBuffer{}}
	n.cmd.Env = append(os.Environ(), nodeVariable+"="+string(text))
	n.cmd.Stderr = n.log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if n.stdin, err = n.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatalf("starting a node in a network namespace: %v", err)
	}
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
	ns, err := netns.GetFromPid(n.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	if n.net, err = netlink.NewHandleAt(ns, unix.NETLINK_ROUTE); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.net.Close)
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
	if os.Getuid() != 0 {
		t.Skip("needs root, to make network namespaces")
	}
	fast := func(i *conf.Instance) {
		i.AdvertInterval = 100 * time.Millisecond
		i.GARP.MasterDelay = 0
	}
	b = startNative(t, nodeConfig{Address: "10.0.0.2/24", Instance: with(instance("VI", 100, vip), fast)})
	a = startNative(t, nodeConfig{Address: "10.0.0.1/24", Peer: b.cmd.Process.Pid, Instance: with(instance("VI", 150, vip), fast)})
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
