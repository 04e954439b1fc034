package ipvsadm

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
)

// options are those of one line.
type options struct {
	add   bool // -A; else -a
	flags map[byte]string
}

// long are the long options by the letter of the short ones; those that have none
// are named by a capital letter that ipvsadm does not use here.
var long = map[string]byte{
	"add-service": 'A', "add-server": 'a', "tcp-service": 't', "udp-service": 'u', "sctp-service": 'S',
	"fwmark-service": 'f', "ipv6": '6', "scheduler": 's', "sched-flags": 'b', "persistent": 'p', "netmask": 'M',
	"pe": 'P', "ops": 'o', "real-server": 'r', "gatewaying": 'g', "ipip": 'i', "masquerading": 'm', "weight": 'w',
	"u-threshold": 'x', "l-threshold": 'y', "tun-type": 'T', "tun-port": 'N', "tun-nocsum": 'X', "tun-csum": 'Y',
	"tun-remcsum": 'Z',
}

const (
	shortOptions = "AatufpsbMorgimwxy6"
	// withValue are the options that have a value; that of -p may be left out.
	withValue = "tuSfsbpMPrwxyTN"
)

// readOptions splits a line.
func readOptions(line string) (o options, err error) {
	o.flags = make(map[byte]string)
	fields := strings.Fields(line)
	if len(fields) > 0 && fields[0] == "ipvsadm" {
		fields = fields[1:]
	}
	for n := 0; n < len(fields); n++ {
		letter, value, given, err := option(fields[n])
		if err != nil {
			return o, err
		}
		if _, twice := o.flags[letter]; twice {
			return o, fmt.Errorf("the line has %s twice", clip(fields[n]))
		}
		takes := strings.IndexByte(withValue, letter) >= 0
		switch {
		case given && !takes:
			return o, fmt.Errorf("%s takes no value", clip(fields[n]))
		case takes && !given && n+1 < len(fields) && !strings.HasPrefix(fields[n+1], "-"):
			n++
			value = fields[n]
		case takes && !given && letter != 'p':
			return o, fmt.Errorf("%s needs a value", clip(fields[n]))
		}
		o.flags[letter] = value
	}
	_, add := o.flags['A']
	_, server := o.flags['a']
	if add == server {
		return o, errors.New("the line needs either -A (a virtual server) or -a (a real server)")
	}
	o.add = add
	return o, o.misplaced()
}

// option reads one option: "-t", "--tcp-service", "--tcp-service=VALUE", "-w5".
func option(word string) (letter byte, value string, given bool, err error) {
	if name, ok := strings.CutPrefix(word, "--"); ok {
		name, value, given = strings.Cut(name, "=")
		if letter, ok = long[name]; ok {
			return letter, value, given, nil
		}
	} else if len(word) >= 2 && word[0] == '-' && strings.IndexByte(shortOptions, word[1]) >= 0 {
		return word[1], word[2:], len(word) > 2, nil
	}
	return 0, "", false, fmt.Errorf("unknown option %q", clip(word))
}

// misplaced says that an option is not one of this command.
func (o options) misplaced() error {
	wrong := "rgimwxyTNXYZ"
	if !o.add {
		wrong = "sbpMPo"
	}
	for letter := range o.flags {
		if strings.IndexByte(wrong, letter) >= 0 {
			return fmt.Errorf("the line has an option of %s", map[bool]string{
				true: "real servers and adds a virtual server", false: "virtual servers and adds a real server",
			}[o.add])
		}
	}
	return nil
}

// key is the virtual server that the line is about.
func (o options) key() (k conf.ServiceKey, err error) {
	var found int
	for letter, protocol := range map[byte]conf.Protocol{'t': conf.TCP, 'u': conf.UDP, 'S': conf.SCTP} {
		text, there := o.flags[letter]
		if !there {
			continue
		}
		found++
		a, port, alone, err := address(text)
		if err != nil {
			return k, err
		}
		if alone {
			port = 0
		}
		k = conf.ServiceKey{Protocol: protocol, Address: a, Port: port}
	}
	_, six := o.flags['6']
	if text, there := o.flags['f']; there {
		found++
		mark, err := number(text, 1, math.MaxUint32)
		if err != nil {
			return k, fmt.Errorf("the firewall mark %w", err)
		}
		k = conf.ServiceKey{FWMark: uint32(mark), IPv6: six}
	}
	if found != 1 {
		return k, errors.New("the line needs one of -t, -u, --sctp-service and -f")
	}
	return k, nil
}

// maxPersistence is keepalived's and director's, in seconds.
const maxPersistence = 31 * 86400

// service is the virtual server of an -A.
func (o options) service(key conf.ServiceKey) (s Service, err error) {
	s.Service = table.Service{Key: key, Scheduler: "wlc", MaskBits: 32}
	if is6(key) {
		s.MaskBits = 128
	}
	if name, there := o.flags['s']; there {
		if !isName(name) {
			return s, fmt.Errorf("%q is not a scheduler", clip(name))
		}
		s.Scheduler = name
	}
	for _, name := range strings.Split(o.flags['b'], ",") {
		flag := flagNamed(name)
		if flag == 0 && name != "" {
			return s, fmt.Errorf("%q is not a flag of a scheduler", clip(name))
		}
		s.Flags |= flag
	}
	if _, there := o.flags['o']; there {
		s.Flags |= table.FlagOnePacket
	}
	text, persistent := o.flags['p']
	if persistent {
		s.Flags |= table.FlagPersistent
		s.Timeout = 360 // IP_VS_PERSISTENT_TIMEOUT (linux/ip_vs.h)
		if text != "" {
			n, err := number(text, 1, maxPersistence)
			if err != nil {
				return s, fmt.Errorf("the persistence time-out: %w", err)
			}
			s.Timeout = uint32(n)
		}
	}
	if text, there := o.flags['M']; there {
		if s.MaskBits, err = netmask(text, s.MaskBits); err != nil {
			return s, err
		}
	}
	if s.Engine = o.flags['P']; s.Engine != "" && s.Engine != "sip" {
		return s, fmt.Errorf("%q is not a persistence engine of Linux: only sip is", clip(s.Engine))
	}
	if !persistent && (s.Engine != "" || s.masked()) {
		return s, errors.New("a netmask or a persistence engine without persistence (-p) has no effect")
	}
	return s, nil
}

// isName says that a scheduler may be called so: what is written to a
// configuration must not be more than a word.
func isName(text string) bool {
	ok := text != "" && text[0] != '-' && len(text) <= 16 // IP_VS_SCHEDNAME_MAXLEN
	for _, c := range []byte(text) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-')
	}
	return ok
}

// server is the real server of an -a.
func (o options) server(s table.Service) (d Server, err error) {
	text, there := o.flags['r']
	if !there {
		return d, errors.New("a real server needs -r")
	}
	a, port, alone, err := address(text)
	if err != nil {
		return d, err
	}
	if alone {
		port = s.Key.Port
	}
	d.Key = conf.ServerKey{Address: a, Port: port}
	d.Forward, d.Weight = table.DirectRoute, 1 // ipvsadm's defaults
	methods := 0
	for letter, method := range map[byte]table.Forward{'g': table.DirectRoute, 'i': table.Tunnel, 'm': table.Masquerade} {
		if _, there := o.flags[letter]; there {
			d.Forward = method
			methods++
		}
	}
	if methods > 1 {
		return d, errors.New("the line has more than one of -g, -i and -m")
	}
	if err := o.numbers(&d); err != nil {
		return d, err
	}
	return d, o.tunnel(&d)
}

// numbers reads weight and thresholds.
func (o options) numbers(d *Server) error {
	for letter, take := range map[byte]func(uint64){
		'w': func(n uint64) { d.Weight = int(n) },
		'x': func(n uint64) { d.Upper = uint32(n) },
		'y': func(n uint64) { d.Lower = uint32(n) },
	} {
		text, there := o.flags[letter]
		if !there {
			continue
		}
		n, err := number(text, 0, math.MaxInt32)
		if err != nil {
			return fmt.Errorf("-%c: %w", letter, err)
		}
		take(n)
	}
	if d.Lower > d.Upper {
		return fmt.Errorf("the lower threshold %d is above the upper one, %d", d.Lower, d.Upper)
	}
	return nil
}

// tunnel reads how packets are wrapped.
func (o options) tunnel(d *Server) error {
	given := false
	for _, letter := range []byte("TNXYZ") {
		_, there := o.flags[letter]
		given = given || there
	}
	if !given {
		return nil
	}
	if d.Forward != table.Tunnel {
		return errors.New("an option of tunnels needs -i")
	}
	switch text := o.flags['T']; text {
	case "", "ipip":
	case "gue":
		d.Tunnel.Type = conf.GUE
	case "gre":
		d.Tunnel.Type = conf.GRE
	default:
		return fmt.Errorf("%q is not a type of tunnel: ipip, gue or gre", clip(text))
	}
	if text, there := o.flags['N']; there {
		n, err := number(text, 1, math.MaxUint16)
		if err != nil {
			return fmt.Errorf("--tun-port: %w", err)
		}
		d.Tunnel.Port = uint16(n)
	}
	for letter, flag := range map[byte]uint16{'Y': table.TunnelChecksum, 'Z': table.TunnelRemote} {
		if _, there := o.flags[letter]; there {
			if d.Tunnel.Flags != 0 {
				return errors.New("the line has more than one type of checksum")
			}
			d.Tunnel.Flags = flag
		}
	}
	switch t := d.Tunnel; {
	case t.Type == conf.GUE && t.Port == 0:
		return errors.New("a gue tunnel needs --tun-port")
	case t.Type != conf.GUE && t.Port != 0:
		return errors.New("only a gue tunnel has --tun-port")
	case t.Type == conf.IPIP && t.Flags != 0, t.Type == conf.GRE && t.Flags == table.TunnelRemote:
		return errors.New("a tunnel of the type " + t.Type.String() + " has no " + checksum(t.Flags))
	}
	return nil
}

// portWord is a port as a word of a line of a configuration.
func portWord(port uint16) string { return strconv.Itoa(int(port)) }
