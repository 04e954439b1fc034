//go:build linux

package integration_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/traffic"
)

// askFrom sends a datagram from an address and port of a host and returns the answer.
func askFrom(h *lab.Host, from, to, text string) (answer string, err error) {
	var conn *net.UDPConn
	if err := h.Do(func() (err error) {
		conn, err = net.DialUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(from)),
			net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to)))
		return err
	}); err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte(text)); err != nil {
		return "", err
	}
	buf := make([]byte, 256)
	n, err := conn.Read(buf)
	return strings.TrimSpace(string(buf[:n])), err
}

// TestCallsStayTogether: with the persistence engine sip, all requests of one call (one Call-ID) go
// to one real server, whatever port they come from. Different calls of one client go to different
// real servers. The kernel's template also holds the client's address. So a call has one real
// server for all clients of a network only if persistence_granularity makes these clients one.
func TestCallsStayTogether(t *testing.T) {
	const calls, ofClient, ofNetwork = 12, 5060, 5070
	s := openShop(t)
	sources := s.twelveClients()
	for _, h := range s.near {
		traffic.ServeNames(h, fmt.Sprintf("udp:%s:%d", shopVIP, ofClient), fmt.Sprintf("udp:%s:%d", shopVIP, ofNetwork))
	}
	lines := []string{"lb_algo rr", "lb_kind DR", "protocol UDP", "ops", "persistence_timeout 60",
		"persistence_engine sip"}
	s.open(service(fmt.Sprintf("%s %d", shopVIP, ofClient), lines, nearServers("192.0.2.", ofClient, 3)...),
		service(fmt.Sprintf("%s %d", shopVIP, ofNetwork), append(lines, "persistence_granularity 255.255.255.224"),
			nearServers("192.0.2.", ofNetwork, 3)...))
	request := func(call int) string {
		return fmt.Sprintf("INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP client.example.com:5060\r\n"+
			"From: <sip:alice@example.com>\r\nTo: <sip:bob@example.com>\r\nCall-ID: call-%d-a84b4c76@client.example.com\r\n"+
			"CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n", call)
	}
	for _, port := range []int{ofClient, ofNetwork} {
		places := map[string]string{}
		byServer, ofOne := map[string]int{}, map[string]bool{} // ofOne are the first client's
		for round := range 4 {
			for call := range calls {
				// All calls are the first client's, and the others' in every second round.
				client := sources[0]
				if round%2 > 0 {
					client = sources[(call+round)%len(sources)]
				}
				server, err := askFrom(s.client, fmt.Sprintf("%s:%d", client, 5060+round), target4(port), request(call))
				if err != nil {
					t.Fatalf("call %d from %s: %v", call, client, err)
				}
				key := fmt.Sprint("call ", call)
				if port == ofClient {
					key += " of " + client
				}
				if before := places[key]; before != "" && before != server {
					t.Errorf("%s has %s and, from %s in round %d, %s", key, before, client, round, server)
				}
				if places[key] == "" {
					byServer[server]++
				}
				places[key] = server
				if client == sources[0] {
					ofOne[server] = true
				}
			}
		}
		t.Logf("port %d: %d calls, or calls of a client, by server %v", port, len(places), byServer)
		if len(byServer) != 3 || len(ofOne) != 3 {
			t.Errorf("port %d: calls by server %v, servers of one client %v, want 3", port, byServer, ofOne)
		}
	}
}

// TestIPsecFollowsItsKeys: AH and ESP packets go to the real server that has the client's
// connection from UDP port 500 to port 500, on which the keys were agreed. By itself the kernel
// schedules neither protocol (net/netfilter/ipvs/ip_vs_proto_ah_esp.c).
func TestIPsecFollowsItsKeys(t *testing.T) {
	s := openShop(t)
	sources := s.twelveClients()[:6]
	const unknown = "203.0.113.90" // a client that has agreed on no keys
	for _, h := range s.near {
		traffic.ServeNames(h, fmt.Sprintf("udp:%s:500", shopVIP))
	}
	s.open(service("match vpn", []string{"lb_algo rr", "lb_kind DR", "match {", "    " + shopVIP + " udp 500",
		"    " + shopVIP + " esp", "    " + shopVIP + " ah", "}"}, nearServers("192.0.2.", 0, 3)...))
	places, used := map[string]string{}, map[string]bool{}
	for _, source := range sources {
		server, err := askFrom(s.client, source+":500", shopVIP+":500", "keys\n")
		if err != nil {
			t.Fatalf("agree on keys from %s: %v", source, err)
		}
		places[source], used[server] = server, true
	}
	begun := time.Now()
	for _, source := range append(sources, unknown) {
		for _, protocol := range []int{unix.IPPROTO_ESP, unix.IPPROTO_AH} {
			if err := sendRaw(s.client, source, shopVIP, protocol); err != nil {
				t.Fatalf("send protocol %d from %s: %v", protocol, source, err)
			}
		}
	}
	seen := map[string]map[string]int{} // by client, by server and protocol
	s.Until(10*time.Second, "all packets have arrived", func() bool {
		total := 0
		clear(seen)
		for _, h := range s.near {
			for _, p := range h.Capture("eth0").Packets(begun) {
				source, protocol := ipHeader(p.Frame)
				if protocol != unix.IPPROTO_ESP && protocol != unix.IPPROTO_AH {
					continue
				}
				total++
				if seen[source] == nil {
					seen[source] = map[string]int{}
				}
				seen[source][fmt.Sprint(h.Name, " ", protocol)]++
			}
		}
		return total >= 2*len(sources)
	})
	for _, source := range sources {
		want := map[string]int{fmt.Sprint(places[source], " ", unix.IPPROTO_ESP): 1,
			fmt.Sprint(places[source], " ", unix.IPPROTO_AH): 1}
		if fmt.Sprint(seen[source]) != fmt.Sprint(want) {
			t.Errorf("packets of %s by real server and protocol: %v, want %v", source, seen[source], want)
		}
	}
	if n := len(seen[unknown]); n > 0 {
		t.Errorf("packets of a client without keys were forwarded: %v", seen[unknown])
	}
	t.Logf("keys with %v, and the packets by client: %v", places, seen)
	if len(used) != 3 {
		t.Errorf("all clients are with the real servers %v, want 3 of them", used)
	}
}

// sendRaw sends a packet of a protocol without ports.
func sendRaw(h *lab.Host, from, to string, protocol int) error {
	return h.Do(func() error {
		socket, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
		if err != nil {
			return err
		}
		defer unix.Close(socket)
		if err := unix.Bind(socket, &unix.SockaddrInet4{Addr: netip.MustParseAddr(from).As4()}); err != nil {
			return err
		}
		// SPI and sequence number, and what would be encrypted.
		body := append([]byte{0, 0, 1, 0, 0, 0, 0, 1}, make([]byte, 24)...)
		if protocol == unix.IPPROTO_AH { // next header, length (RFC 4302 2)
			body = append([]byte{unix.IPPROTO_TCP, 4, 0, 0}, body...)
		}
		return unix.Sendto(socket, body, 0, &unix.SockaddrInet4{Addr: netip.MustParseAddr(to).As4()})
	})
}

// ipHeader reads the source and the protocol of an IPv4 packet in a frame.
func ipHeader(frame []byte) (source string, protocol int) {
	const etherHeader, ipHeader = 14, 20
	if len(frame) < etherHeader+ipHeader || frame[12] != 0x08 || frame[13] != 0 {
		return "", 0
	}
	ip := frame[etherHeader:]
	return netip.AddrFrom4([4]byte(ip[12:16])).String(), int(ip[9])
}
