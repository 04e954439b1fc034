package ipvsadm

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
)

// Bounds of what Parse reads.
const (
	// MaxText bounds the text: 40,000 real servers take 2 MB.
	MaxText = 64 << 20
	// maxErrors bounds the errors that are told.
	maxErrors = 20
)

// LineError is what is wrong in a line.
type LineError struct {
	Line int // 1-based
	Err  error
}

func (e LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap gives the error without the line.
func (e LineError) Unwrap() error { return e.Err }

// Parse reads what "ipvsadm -Sn" (ipvsadm-save -n) writes: a line for each service
// (-A) and each real server (-a), with the short and the long options. Empty lines and
// lines that begin with "#" are skipped. With an error there are no services: a
// half-read table is worse than none.
func Parse(text string) ([]Service, []LineError) {
	p := parser{services: make(map[conf.ServiceKey]int)}
	if len(text) > MaxText {
		return nil, []LineError{{1, fmt.Errorf("the text has more than %d bytes", MaxText)}}
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if err := p.line(strings.TrimSpace(line)); err != nil {
			p.errors = append(p.errors, LineError{number, err})
			if len(p.errors) == maxErrors {
				break
			}
		}
	}
	if len(p.errors) > 0 {
		return nil, p.errors
	}
	return p.list, nil
}

type parser struct {
	list     []Service
	services map[conf.ServiceKey]int // positions in list
	servers  map[serverOf]bool
	errors   []LineError
}

type serverOf struct {
	service conf.ServiceKey
	server  conf.ServerKey
}

// line takes one command in.
func (p *parser) line(line string) error {
	if line == "" || line[0] == '#' {
		return nil
	}
	o, err := readOptions(line)
	if err != nil {
		return err
	}
	key, err := o.key()
	if err != nil {
		return err
	}
	if o.add {
		if _, twice := p.services[key]; twice {
			return fmt.Errorf("the virtual server %s is on an earlier line already", key)
		}
		s, err := o.service(key)
		if err == nil {
			p.services[key] = len(p.list)
			p.list = append(p.list, s)
		}
		return err
	}
	n, known := p.services[key]
	if !known {
		return fmt.Errorf("a real server of %s, which no earlier line adds (-A)", key)
	}
	d, err := o.server(p.list[n].Service)
	if err != nil {
		return err
	}
	if p.servers == nil {
		p.servers = make(map[serverOf]bool)
	}
	if p.servers[serverOf{key, d.Key}] {
		return fmt.Errorf("the real server %s of %s is on an earlier line already", d.Key, key)
	}
	p.servers[serverOf{key, d.Key}] = true
	p.list[n].Servers = append(p.list[n].Servers, d)
	return nil
}

// netmask reads the mask of -M: dotted, or a prefix length for IPv6.
func netmask(text string, width int) (int, error) {
	if width == 128 {
		n, err := number(text, 1, 128)
		return int(n), err
	}
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() {
		return 0, fmt.Errorf("%q is not a netmask", clip(text))
	}
	b := a.As4()
	m := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	ones := bits.OnesCount32(m)
	if m != ^uint32(0)<<(32-ones) || ones == 0 {
		return 0, fmt.Errorf("%q is not a netmask", clip(text))
	}
	return ones, nil
}

// number reads a decimal number in a range.
func number(text string, low, high uint64) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%q is not a number from %d to %d", clip(text), low, high)
	}
	return n, nil
}

// address reads "192.0.2.10:80" and "[2001:db8::1]:80", or an address alone.
func address(text string) (a netip.Addr, port uint16, alone bool, err error) {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr(), ap.Port(), false, check(ap.Addr(), text)
	}
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")); err == nil {
		return a, 0, true, check(a, text)
	}
	return a, 0, false, fmt.Errorf("%q is not a numeric address and port (write the text with ipvsadm-save -n)",
		clip(text))
}

func check(a netip.Addr, text string) error {
	if a.Zone() != "" || a.Is4In6() {
		return fmt.Errorf("%q cannot be the address of a server", clip(text))
	}
	return nil
}

// maxClip bounds what an error quotes.
const maxClip = 60

func clip(text string) string {
	if len(text) > maxClip {
		return text[:maxClip] + "..."
	}
	return text
}

// is6 says which family a service is of.
func is6(k conf.ServiceKey) bool { return table.Is6(k) }
