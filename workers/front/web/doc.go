// Package web is the page that shows what director does, to people with a browser.
//
// It is one page without a framework (assets), and nothing in it comes from elsewhere. What it shows is
// cut out of the snapshot that the front has anyway (view.go, rules over data) and sent as server-sent
// events (live.go): a stream has the parts that its page looks at, each when it has changed. However many
// streams are open, one question for a snapshot is under way.
//
// It only shows, unless the configuration has tokens: then it asks for drains, weights and handovers
// (actions.go). Who is let in is decided in guard.go. The supervisor checks all of that again.
package web
