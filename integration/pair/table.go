//go:build linux

package pair

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/lvs-director/director/integration/lab"
)

// VirtualService is one entry of a host's IPVS table.
type VirtualService struct {
	Protocol  string
	Address   netip.AddrPort
	Scheduler string
	Servers   []RealServer
}

// RealServer is one destination of a virtual service.
type RealServer struct {
	Address  netip.AddrPort
	Forward  string
	Weight   int
	Active   int // connections
	Inactive int
}

// Table reads a host's IPVS table as the kernel prints it (IPv4 only). A host
// that is off has none.
func Table(h *lab.Host) []VirtualService {
	var text []byte
	err := h.Do(func() (err error) {
		// The thread's own view: /proc/net would be the process's.
		text, err = os.ReadFile("/proc/thread-self/net/ip_vs")
		return err
	})
	if err != nil {
		return nil
	}
	return ParseTable(string(text))
}

// ParseTable reads the TCP and UDP services of the text of /proc/net/ip_vs (IPv4 only): after three
// lines of headings, a line for each service and a line with an arrow for each of its destinations.
func ParseTable(text string) []VirtualService {
	var table []VirtualService
	other := true // the destinations that follow are of none of these services
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) >= 6 && f[0] == "->":
			if other {
				continue
			}
			address, ok := hexAddress(f[1])
			if !ok {
				continue // the heading
			}
			rs := RealServer{Address: address, Forward: f[2]}
			rs.Weight, _ = strconv.Atoi(f[3])
			rs.Active, _ = strconv.Atoi(f[4])
			rs.Inactive, _ = strconv.Atoi(f[5])
			last := &table[len(table)-1]
			last.Servers = append(last.Servers, rs)
		case len(f) >= 3 && (f[0] == "TCP" || f[0] == "UDP"):
			address, ok := hexAddress(f[1])
			if other = !ok; ok {
				table = append(table, VirtualService{Protocol: f[0], Address: address, Scheduler: f[2]})
			}
		default:
			other = true // FWM, SCTP, a heading
		}
	}
	return table
}

// hexAddress reads "C0000264:0050".
func hexAddress(s string) (netip.AddrPort, bool) {
	addr, port, _ := strings.Cut(s, ":")
	bytes, err := hex.DecodeString(addr)
	ip, ok := netip.AddrFromSlice(bytes)
	number, perr := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(ip, uint16(number)), ok && err == nil && perr == nil
}

// FormatTable prints a table as ipvsadm -Ln does.
func FormatTable(table []VirtualService) string {
	var b strings.Builder
	for _, vs := range table {
		fmt.Fprintf(&b, "%s  %s %s\n", vs.Protocol, vs.Address, vs.Scheduler)
		for _, rs := range vs.Servers {
			fmt.Fprintf(&b, "  -> %-21s %-7s weight %d, %d active, %d inactive\n", rs.Address, rs.Forward, rs.Weight, rs.Active,
				rs.Inactive)
		}
	}
	return b.String()
}

// InTable reports whether real server n of the site is in a director's table
// for the service on the port, with a weight above zero.
func (s *Site) InTable(director, n int, port uint16) bool {
	for _, vs := range Table(s.Dirs[director]) {
		if vs.Address.Port() != port {
			continue
		}
		for _, rs := range vs.Servers {
			if rs.Address.Addr().String() == s.ServerAddress(n) && rs.Weight > 0 {
				return true
			}
		}
	}
	return false
}
