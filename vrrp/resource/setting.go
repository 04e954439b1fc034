package resource

import (
	"errors"
	"io/fs"
	"strings"
)

// Setting is promote_secondaries of an interface, switched on.
type Setting struct{ Device string }

// SettingKey is the interface.
type SettingKey struct{ Device string }

const promoteSecondaries = "promote_secondaries "

// Kind implements Key.
func (SettingKey) Kind() Kind { return KindSetting }

// Journal implements Key.
func (k SettingKey) Journal() string { return "setting " + promoteSecondaries + k.Device }

// Attrs implements Key.
func (k SettingKey) Attrs() []any { return []any{"setting", promoteSecondaries + k.Device} }

// String implements Key.
func (k SettingKey) String() string { return k.Journal() }

func parseSetting(rest string) (Setting, bool) {
	device, ok := strings.CutPrefix(rest, promoteSecondaries)
	return Setting{device}, ok && device != "" && !strings.Contains(device, " ")
}

// Key implements Resource.
func (s Setting) Key() Key { return SettingKey(s) }

// Tracked implements Resource.
func (Setting) Tracked() bool { return true }

// TrackGroup implements Resource.
func (Setting) TrackGroup() string { return "" }

// Devices implements Resource: an interface that is down can be set too.
func (Setting) Devices() []string { return nil }

func (s Setting) same(other Resource) bool { return s.Key() == other.Key() }

func (s Setting) create(k *Kernel) error {
	was, err := k.Routes.PromoteSecondaries(s.Device, true)
	if err == nil && was {
		return fs.ErrExist
	}
	return err
}

func (s Setting) remove(k *Kernel) error {
	_, err := k.Routes.PromoteSecondaries(s.Device, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // its interface is gone
	}
	return err
}
