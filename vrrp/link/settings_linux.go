package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// settingNumbers are the kernel's numbers of the IPv4 settings of an interface
// (IPV4_DEVCONF_* in linux/ip.h).
var settingNumbers = map[string]int{
	"rp_filter": 8, "arp_filter": 13, "arp_announce": 18, "arp_ignore": 19, "promote_secondaries": 20,
}

// everywhere is the name that stands for all interfaces, or for new ones, which
// only /proc knows.
func everywhere(device string) bool { return device == "all" || device == "default" }

// settings reads and changes net.ipv4.conf of interfaces over rtnetlink
// (IFLA_AF_SPEC, IFLA_INET_CONF), since a container's /proc/sys is read-only.
type settings struct {
	rtnl  *rtnl
	names names
}

func openSettings() (settings, error) {
	r, err := openRTNL()
	if err != nil {
		return settings{}, err
	}
	n, err := openNames()
	if err != nil {
		r.close()
		return settings{}, err
	}
	return settings{r, n}, nil
}

func (s settings) close() {
	s.rtnl.close()
	_ = s.names.close()
}

// get reads a setting. The error is fs.ErrNotExist when there is no such interface.
func (s settings) get(device, name string) (int, error) {
	value, err := s.read(device, name)
	if err != nil {
		return 0, fmt.Errorf("reading net.ipv4.conf.%s.%s: %w", device, name, err)
	}
	return value, nil
}

func (s settings) read(device, name string) (int, error) {
	if everywhere(device) {
		text, err := os.ReadFile("/proc/sys/net/ipv4/conf/" + device + "/" + name)
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if _, known := settingNumbers[name]; !known {
		return 0, fmt.Errorf("setting %q: %w", name, errors.ErrUnsupported)
	}
	values, err := s.all(device)
	if err != nil {
		return 0, err
	}
	if value, told := values.inet(name); told {
		return value, nil
	}
	return 0, errors.New("the kernel does not report it")
}

// all reads the settings of an interface with one request. The error is
// fs.ErrNotExist without the interface.
func (s settings) all(device string) (linkSettings, error) {
	index, err := s.names.index(device)
	if err != nil {
		return nil, missing(err)
	}
	header := nl.NewIfInfomsg(unix.AF_UNSPEC)
	header.Index = int32(index)
	msgs, err := s.rtnl.request(unix.RTM_GETLINK, 0, header).Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	if err != nil {
		return nil, missing(err)
	}
	return msgs, nil
}

// linkSettings are the messages that describe an interface, with its settings.
type linkSettings [][]byte

// inet is an IPv4 setting; told is false for one that the kernel does not tell.
func (l linkSettings) inet(name string) (value int, told bool) {
	// Their numbers count from 1.
	return l.value(settingNumbers[name]-1, unix.IFLA_AF_SPEC, unix.AF_INET, unix.IFLA_INET_CONF)
}

// inet6 is an IPv6 setting by its number (DEVCONF_* in linux/ipv6.h).
func (l linkSettings) inet6(number int) (value int, told bool) {
	return l.value(number, unix.IFLA_AF_SPEC, unix.AF_INET6, unix.IFLA_INET6_CONF)
}

// addressMode is addr_gen_mode.
func (l linkSettings) addressMode() (value int, told bool) {
	for _, m := range l {
		if body := nested(m, unix.IFLA_AF_SPEC, unix.AF_INET6, unix.IFLA_INET6_ADDR_GEN_MODE); len(body) > 0 {
			return int(body[0]), true
		}
	}
	return 0, false
}

// value is the n-th of an array of numbers.
func (l linkSettings) value(n int, path ...uint16) (value int, told bool) {
	for _, m := range l {
		if values := nested(m, path...); n >= 0 && len(values) >= (n+1)*4 {
			return int(int32(binary.NativeEndian.Uint32(values[n*4:]))), true
		}
	}
	return 0, false
}

// nested is the content of an attribute of a link message, by the kinds of those
// that it is within; nil without it.
func nested(m []byte, path ...uint16) []byte {
	if len(m) < unix.SizeofIfInfomsg {
		return nil
	}
	body := m[unix.SizeofIfInfomsg:]
	for _, kind := range path {
		attrs, err := nl.ParseRouteAttr(body)
		if err != nil {
			return nil
		}
		body = nil
		for _, a := range attrs {
			if a.Attr.Type&^unix.NLA_F_NESTED == kind {
				body = a.Value
			}
		}
	}
	return body
}

// set changes a setting. The error is fs.ErrNotExist when there is no such interface.
func (s settings) set(device, name string, value int) error {
	if err := s.write(device, name, value); err != nil {
		return fmt.Errorf("setting net.ipv4.conf.%s.%s to %d: %w", device, name, value, err)
	}
	return nil
}

func (s settings) write(device, name string, value int) error {
	if everywhere(device) {
		return os.WriteFile("/proc/sys/net/ipv4/conf/"+device+"/"+name, []byte(strconv.Itoa(value)), 0)
	}
	index, number, err := s.find(device, name)
	if err != nil {
		return err
	}
	header := nl.NewIfInfomsg(unix.AF_UNSPEC)
	header.Index = int32(index)
	req := s.rtnl.request(unix.RTM_SETLINK, 0, header)
	spec := nl.NewRtAttr(unix.IFLA_AF_SPEC|unix.NLA_F_NESTED, nil)
	spec.AddRtAttr(unix.AF_INET|unix.NLA_F_NESTED, nil).
		AddRtAttr(unix.IFLA_INET_CONF|unix.NLA_F_NESTED, nil).
		AddRtAttr(number, nl.Uint32Attr(uint32(value)))
	req.AddData(spec)
	return withReason(missing(s.rtnl.do(req)))
}

func (s settings) find(device, name string) (index, number int, err error) {
	number, known := settingNumbers[name]
	if !known {
		return 0, 0, fmt.Errorf("setting %q: %w", name, errors.ErrUnsupported)
	}
	index, err = s.names.index(device)
	return index, number, missing(err)
}

// missing turns the kernel's word for an interface that is gone into fs.ErrNotExist.
func missing(err error) error {
	if errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}

// addrGenModeNone is IN6_ADDR_GEN_MODE_NONE (linux/if_link.h).
const addrGenModeNone = 1

// generateNoAddress sets addr_gen_mode of an interface to none: the kernel makes
// up no link-local address for it. A kernel without IPv6 makes none anyway.
func (s settings) generateNoAddress(index int) error {
	header := nl.NewIfInfomsg(unix.AF_UNSPEC)
	header.Index = int32(index)
	req := s.rtnl.request(unix.RTM_SETLINK, 0, header)
	spec := nl.NewRtAttr(unix.IFLA_AF_SPEC|unix.NLA_F_NESTED, nil)
	spec.AddRtAttr(unix.AF_INET6|unix.NLA_F_NESTED, nil).
		AddRtAttr(unix.IFLA_INET6_ADDR_GEN_MODE, nl.Uint8Attr(addrGenModeNone))
	req.AddData(spec)
	err := s.rtnl.do(req)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		return nil
	}
	return withReason(err)
}
