package realserver

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
)

const forever = math.MaxUint32 // of a lifetime (INFINITY_LIFE_TIME, net/addrconf.h)

// Apply makes this host a real server. What it changes is in the file before it is
// changed. What is there already stays as it is, and is left there by Undo. It can
// be called again, with another plan too. What was applied before a reboot has ended
// with it, and is forgotten.
func Apply(p Plan, file string) error {
	if len(p.Devices) == 0 {
		return errors.New("there is nothing to apply: the gateway of NAT is set where the host's routes are")
	}
	s, epoch, unlock, err := open(file)
	if err != nil {
		return err
	}
	defer unlock()
	if s.Epoch != epoch {
		s = newState(epoch)
	}
	for _, setting := range p.Settings {
		if deviceOf(setting.Name) == "" {
			if err := s.set(setting, file); err != nil {
				return err
			}
		}
	}
	for _, d := range p.Devices {
		if err := s.device(d, p.Settings, file); err != nil {
			return err
		}
	}
	return nil
}

// device brings a device up, sets its settings and adds its addresses.
func (s *state) device(d Device, settings []Setting, file string) error {
	link, err := netlink.LinkByName(d.Name)
	if err != nil {
		return fmt.Errorf("finding the device %s: %w: load its module first (modprobe %s)", d.Name, err, d.Module)
	}
	if link.Attrs().RawFlags&syscall.IFF_UP == 0 {
		s.Up = append(s.Up, d.Name)
		if err := s.save(file); err != nil {
			return err
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("setting %s up: %w", d.Name, err)
		}
	}
	for _, setting := range settings {
		if deviceOf(setting.Name) == d.Name {
			if err := s.set(setting, file); err != nil {
				return err
			}
		}
	}
	for _, a := range d.Addresses {
		if err := s.add(link, a, file); err != nil {
			return err
		}
	}
	return nil
}

// set makes one setting.
func (s *state) set(setting Setting, file string) error {
	old, err := os.ReadFile(setting.path())
	if err != nil {
		return fmt.Errorf("reading %s: %w", setting.Name, err)
	}
	was := strings.TrimSpace(string(old))
	if was == setting.Value {
		return nil
	}
	if before, again := s.Settings[setting.Name]; again {
		was = before.Old
	}
	s.Settings[setting.Name] = change{was, setting.Value}
	if err := s.save(file); err != nil {
		return err
	}
	if err := os.WriteFile(setting.path(), []byte(setting.Value), 0); err != nil {
		return fmt.Errorf("setting %s: %w", setting.Name, err)
	}
	return nil
}

// add adds one address; one that is there stays somebody else's.
func (s *state) add(link netlink.Link, prefix netip.Prefix, file string) error {
	parsed, err := netlink.ParseAddr(prefix.String())
	if err != nil {
		return err
	}
	parsed.Flags = syscall.IFA_F_NODAD
	if prefix.Addr().Is6() {
		parsed.ValidLft, parsed.PreferedLft = forever, 0 // deprecated: see nodad
	}
	m := made{link.Attrs().Name, prefix}
	s.Addresses = append(s.Addresses, m)
	if err := s.save(file); err != nil {
		return err
	}
	err = netlink.AddrAdd(link, parsed)
	if err == nil {
		return nil
	}
	s.Addresses = s.Addresses[:len(s.Addresses)-1]
	if failed := s.save(file); failed != nil || !errors.Is(err, syscall.EEXIST) {
		return errors.Join(fmt.Errorf("adding %s to %s: %w", prefix, m.Device, err), failed)
	}
	return nil
}

// Undo takes back what Apply has changed: addresses first. A setting that somebody
// else has changed since is left as it is. The file goes when all is back.
func Undo(file string) error {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("nothing was applied: there is no %s", file)
	}
	s, epoch, unlock, err := open(file)
	if err != nil {
		return err
	}
	defer unlock()
	if s.Epoch != epoch {
		err := fmt.Errorf("nothing was applied since this host booted: what %s names has ended with the boot before, "+
			"or is of another network namespace; what is there now stays as it is", file)
		if boot, _, _ := strings.Cut(epoch, " "); !strings.HasPrefix(s.Epoch, boot) {
			err = errors.Join(err, os.Remove(file))
		}
		return err
	}
	var failed []error
	for _, m := range s.Addresses {
		failed = append(failed, remove(m))
	}
	for name, c := range s.Settings {
		setting := Setting{Name: name}
		now, err := os.ReadFile(setting.path())
		if errors.Is(err, fs.ErrNotExist) || err == nil && strings.TrimSpace(string(now)) != c.New {
			continue
		}
		if err == nil {
			err = os.WriteFile(setting.path(), []byte(c.Old), 0)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("restoring %s: %w", name, err))
		}
	}
	for _, name := range s.Up {
		if link, err := netlink.LinkByName(name); err == nil {
			failed = append(failed, netlink.LinkSetDown(link))
		}
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	return os.Remove(file)
}

// remove removes an address; one that is gone is no error.
func remove(m made) error {
	link, err := netlink.LinkByName(m.Device)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finding the device %s: %w", m.Device, err)
	}
	a, err := netlink.ParseAddr(m.Prefix.String())
	if err == nil {
		err = netlink.AddrDel(link, a)
	}
	if err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) {
		return fmt.Errorf("removing %s from %s: %w", m.Prefix, m.Device, err)
	}
	return nil
}
