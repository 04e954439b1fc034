package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/lvs-director/director/worker/front"
)

// The errors of D-Bus that are answered.
const (
	errInvalidArgs      = "org.freedesktop.DBus.Error.InvalidArgs"
	errUnknownInterface = "org.freedesktop.DBus.Error.UnknownInterface"
	errUnknownProperty  = "org.freedesktop.DBus.Error.UnknownProperty"
	errReadOnly         = "org.freedesktop.DBus.Error.PropertyReadOnly"
	errNotSupported     = "org.freedesktop.DBus.Error.NotSupported"
	errLimitsExceeded   = "org.freedesktop.DBus.Error.LimitsExceeded"
	errFailed           = "org.freedesktop.DBus.Error.Failed"
)

func failure(name, format string, args ...any) error {
	return dbus.NewError(name, []any{fmt.Sprintf(format, args...)})
}

// maxAsked bounds the requests to the supervisor that are under way, and askPatience each of them.
const (
	maxAsked    = 4
	askPatience = 20 * time.Second
)

// handler answers the calls of one connection. Its methods are called from many goroutines.
type handler struct{ b *Bus }

// LookupObject finds what is at a path.
func (h handler) LookupObject(path dbus.ObjectPath) (dbus.ServerObject, bool) {
	h.b.mu.Lock()
	t := h.b.tree
	h.b.mu.Unlock()
	if t == nil {
		return nil, false
	}
	text, ok := t.introspect(path)
	if !ok {
		return nil, false
	}
	o := object{interfaces: map[string]methods{
		"org.freedesktop.DBus.Introspectable": {"Introspect": {run: func(call) ([]any, error) { return []any{text}, nil }}},
	}}
	switch {
	case path == t.vrrp:
		o.interfaces["org.freedesktop.DBus.Properties"] = h.properties("", "")
		o.interfaces[interfaceVrrp] = h.vrrp()
	case t.instances[path] != nil:
		id := t.instances[path].ID
		o.interfaces["org.freedesktop.DBus.Properties"] = h.properties(interfaceInstance, id)
		o.interfaces[interfaceInstance] = methods{"SendGarp": {run: func(c call) ([]any, error) {
			return nil, h.b.ask(c, front.SendGARP, id)
		}}}
	}
	return o, true
}

func (h handler) vrrp() methods {
	no := func(signal string) method {
		return method{run: func(call) ([]any, error) {
			return nil, failure(errNotSupported, "not written for callers of D-Bus: send director %s, or see director status",
				signal)
		}}
	}
	return methods{
		"PrintData": no("SIGUSR1"), "PrintStats": no("SIGUSR2"), "PrintStatsClear": no("the signal 63"),
		"ReloadConfig": {run: func(c call) ([]any, error) { return nil, h.b.ask(c, front.Reload, "") }},
	}
}

// properties are those of an instance; one without an identity is an object that has none.
func (h handler) properties(of, id string) methods {
	read := func(name string) (map[string]dbus.Variant, error) {
		if name != of || id == "" {
			if name == interfaceVrrp && id == "" {
				return nil, nil // it is there, and has none
			}
			return nil, failure(errUnknownInterface, "there is no interface %q with properties", name)
		}
		i, ok := h.b.instance(id)
		if !ok {
			return nil, failure(errUnknownInterface, "the instance is gone")
		}
		return map[string]dbus.Variant{
			"Name": dbus.MakeVariant(printable(i.Name)), "State": dbus.MakeVariant(stateOf(i.State)),
		}, nil
	}
	return methods{
		"Get": {in: "ss", run: func(c call) ([]any, error) {
			all, err := read(c.text(0))
			if err != nil {
				return nil, err
			}
			v, ok := all[c.text(1)]
			if !ok {
				return nil, failure(errUnknownProperty, "there is no property %q", c.text(1))
			}
			return []any{v}, nil
		}},
		"GetAll": {in: "s", run: func(c call) ([]any, error) {
			all, err := read(c.text(0))
			if all == nil {
				all = make(map[string]dbus.Variant)
			}
			return []any{all}, err
		}},
		"Set": {in: "ssv", run: func(c call) ([]any, error) {
			return nil, failure(errReadOnly, "the property %q is not writable", c.text(1))
		}},
	}
}

// object is what is at a path.
type object struct{ interfaces map[string]methods }

// LookupInterface finds an interface; a call without one means whichever has the method.
func (o object) LookupInterface(name string) (dbus.Interface, bool) {
	if name != "" {
		m, ok := o.interfaces[name]
		return m, ok
	}
	all := make(methods)
	for _, list := range o.interfaces {
		for name, m := range list {
			all[name] = m
		}
	}
	return all, true
}

// methods are those of an interface by name.
type methods map[string]method

// LookupMethod finds a method.
func (m methods) LookupMethod(name string) (dbus.Method, bool) {
	one, ok := m[name]
	return one, ok
}

// call is one that is to be answered.
type call struct {
	ctx    context.Context
	conn   *dbus.Conn
	sender string
	body   []any
}

// text is an argument that is a string by the signature of the method.
func (c call) text(n int) string {
	s, _ := c.body[n].(string)
	return s
}

// method is one with arguments of the signature in.
type method struct {
	in  string
	run func(call) ([]any, error)
}

// DecodeArguments refuses arguments of another signature.
func (m method) DecodeArguments(conn *dbus.Conn, sender string, msg *dbus.Message, body []any) ([]any, error) {
	got, _ := msg.Headers[dbus.FieldSignature].Value().(dbus.Signature)
	if got.String() != m.in {
		return nil, failure(errInvalidArgs, "the arguments have the signature %q: %q is wanted", got.String(), m.in)
	}
	return []any{call{conn.Context(), conn, sender, body}}, nil
}

// Call answers it.
func (m method) Call(args ...any) ([]any, error) { return m.run(args[0].(call)) }

// NumArguments is for whoever decodes arguments in another way.
func (m method) NumArguments() int { return 1 }

// NumReturns likewise.
func (m method) NumReturns() int { return 0 }

// ArgumentValue likewise.
func (m method) ArgumentValue(int) any { return call{} }

// ReturnValue likewise.
func (m method) ReturnValue(int) any { return nil }
