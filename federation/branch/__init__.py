"""A branch's side: settings, policy, data, its Flower app, and the one door that updates leave by."""
