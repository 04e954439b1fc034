package bus

import (
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker/front"
)

// The names of keepalived's interfaces and objects.
const (
	root              = "/org/keepalived/Vrrp1"
	interfaceVrrp     = "org.keepalived.Vrrp1.Vrrp"
	interfaceInstance = "org.keepalived.Vrrp1.Instance"
)

// instance is an instance on the bus.
type instance struct {
	front.DBusInstance
	path dbus.ObjectPath
}

// state is the property State, of the signature (us).
type state struct {
	Number uint32
	Name   string
}

// stopped is keepalived's number of an instance that has stopped (2.2.7).
const stopped = 98

// stateOf is a state in keepalived's numbers and words.
func stateOf(s event.VRRPState) state {
	switch s {
	case event.Backup:
		return state{1, "Backup"}
	case event.Master:
		return state{2, "Master"}
	case event.Fault:
		return state{3, "Fault"}
	case event.Stop:
		return state{stopped, "Stop"}
	}
	return state{0, "Init"}
}

// tree is what is on the bus of one configuration. It does not change but for the states of instances,
// which belong to whoever has the tree.
type tree struct {
	vrrp      dbus.ObjectPath
	instances map[dbus.ObjectPath]*instance
	byID      map[string]*instance
	order     []*instance                         // as in the configuration
	children  map[dbus.ObjectPath]map[string]bool // of each path that leads to an object
	apart     []string                            // names of instances whose path another one has
}

// newTree makes the objects of a configuration.
func newTree(s front.DBus) *tree {
	prefix := root
	for _, part := range []string{s.Namespace, s.Instance} {
		if part != "" {
			prefix += "/" + element(part)
		}
	}
	t := &tree{
		vrrp: dbus.ObjectPath(prefix + "/Vrrp"), instances: make(map[dbus.ObjectPath]*instance),
		byID: make(map[string]*instance), children: make(map[dbus.ObjectPath]map[string]bool),
	}
	t.add(t.vrrp)
	for _, i := range s.Instances {
		device, family := i.Interface, "IPv4"
		if device == "" {
			device = s.NoInterface
		}
		if i.IPv6 {
			family = "IPv6"
		}
		path := dbus.ObjectPath(fmt.Sprintf("%s/Instance/%s/%d/%s", prefix, element(device), i.VRID, family))
		if t.instances[path] != nil {
			t.apart = append(t.apart, i.Name)
			continue
		}
		one := &instance{i, path}
		t.instances[path], t.byID[i.ID] = one, one
		t.order = append(t.order, one)
		t.add(path)
	}
	return t
}

// add notes the way to an object.
func (t *tree) add(path dbus.ObjectPath) {
	for at := string(path); at != "/"; {
		cut := strings.LastIndexByte(at, '/')
		parent, name := dbus.ObjectPath(at[:max(cut, 1)]), at[cut+1:]
		if t.children[parent] == nil {
			t.children[parent] = make(map[string]bool)
		}
		t.children[parent][name] = true
		at = string(parent)
	}
}

// element makes a name an element of an object's path, as keepalived does: what is neither a letter nor
// a digit of ASCII is an underscore.
func element(name string) string {
	b := []byte(name)
	for n, c := range b {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			b[n] = '_'
		}
	}
	if len(b) == 0 {
		return "_"
	}
	return string(b)
}

const docType = `<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
                      "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
`

// standard are the interfaces that each object has.
const standard = `  <interface name="org.freedesktop.DBus.Properties">
    <method name="Get">
      <arg type="s" name="interface_name" direction="in"/>
      <arg type="s" name="property_name" direction="in"/>
      <arg type="v" name="value" direction="out"/>
    </method>
    <method name="GetAll">
      <arg type="s" name="interface_name" direction="in"/>
      <arg type="a{sv}" name="properties" direction="out"/>
    </method>
    <method name="Set">
      <arg type="s" name="interface_name" direction="in"/>
      <arg type="s" name="property_name" direction="in"/>
      <arg type="v" name="value" direction="in"/>
    </method>
    <signal name="PropertiesChanged">
      <arg type="s" name="interface_name"/>
      <arg type="a{sv}" name="changed_properties"/>
      <arg type="as" name="invalidated_properties"/>
    </signal>
  </interface>
  <interface name="org.freedesktop.DBus.Introspectable">
    <method name="Introspect">
      <arg type="s" name="xml_data" direction="out"/>
    </method>
  </interface>
  <interface name="org.freedesktop.DBus.Peer">
    <method name="Ping"/>
    <method name="GetMachineId">
      <arg type="s" name="machine_uuid" direction="out"/>
    </method>
  </interface>
`

const vrrpXML = `  <interface name="org.keepalived.Vrrp1.Vrrp">
    <method name="PrintData">
    </method>
    <method name="PrintStats">
    </method>
    <method name="PrintStatsClear">
    </method>
    <method name="ReloadConfig">
    </method>
    <signal name="VrrpStarted">
    </signal>
    <signal name="VrrpReloaded">
    </signal>
    <signal name="VrrpStopped">
    </signal>
  </interface>
`

const instanceXML = `  <interface name="org.keepalived.Vrrp1.Instance">
    <method name="SendGarp">
    </method>
    <signal name="VrrpStatusChange">
      <arg type="u" name="status">
      </arg>
    </signal>
    <property type="s" name="Name" access="read">
    </property>
    <property type="(us)" name="State" access="read">
    </property>
  </interface>
`

// introspect is the answer to Introspect; ok is false where nothing is.
func (t *tree) introspect(path dbus.ObjectPath) (text string, ok bool) {
	var b strings.Builder
	b.WriteString(docType + "<node>\n")
	switch {
	case path == t.vrrp:
		b.WriteString(standard + vrrpXML)
	case t.instances[path] != nil:
		b.WriteString(standard + instanceXML)
	case t.children[path] == nil:
		return "", false
	}
	for _, name := range slices.Sorted(maps.Keys(t.children[path])) {
		b.WriteString(`  <node name="`)
		_ = xml.EscapeText(&b, []byte(name)) // a strings.Builder takes everything
		b.WriteString("\"/>\n")
	}
	b.WriteString("</node>\n")
	return b.String(), true
}
