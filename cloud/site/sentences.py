"""What a person is told when something they asked for is not done: what happened, and what to do next; one sentence a reason."""

from cloud.site.languages import N_

DECLINED = {
    "terms_not_accepted": N_("An account needs the terms of use: read them and tick the box, or leave without an account."),
    "cookies_not_accepted": N_("Signing in needs one cookie that remembers you are signed in. Without it there can be no account."),
    "address_wrong": N_("This does not look like an e-mail address. Check it and try again."),
    "address_taken": N_("No account could be made with this address. If it is yours, sign in, or use your recovery code."),
    "password_short": N_("The password needs at least 10 characters. A few words in a row are easy to keep."),
    "password_long": N_("The password may have at most 200 characters."),
    "password_common": N_("This password is among the first that anybody would try. Take a few words that do not belong together."),
    "password_wrong": N_("The present password is not right. Nothing was changed."),
    "sign_in_wrong": N_("Address and password do not belong together. Try again, or use your recovery code."),
    "recovery_wrong": N_("Address and recovery code do not belong together. Check both and try again."),
    "confirm_wrong": N_(
        "The letter’s link and the password do not belong together, or the letter is older than a day. Try again, or register again."
    ),
    "no_such_choice": N_("There is no such choice. Open the page again and repeat it."),
    "too_many_for_address": N_("There were too many wrong tries for this address. Wait a quarter of an hour, then try again."),
    "too_many_from_network": N_("There were too many tries from where you are. Wait a quarter of an hour, then try again."),
    "too_many_letters": N_("Several letters went to this address already. Look for them, or wait an hour and try again."),
    "note_long": N_("A note has at most 280 characters. Shorten it and keep it again."),
    "card_number": N_("This looks like the number of a payment card. Nothing of that kind is kept here; take it out."),
    "import_wrong": N_("This is no export of Foyer, or it is damaged. Nothing was brought in."),
    "order_wrong": N_("Your home did not hand over the key that deleting needs. Link it again and repeat this."),
    "grant_nameless": N_("Say with whom: a name, and for a partner its country too."),
    "grant_empty": N_("Tick at least one thing to share."),
    "grant_period": N_("These days make no sense together. Check when it begins and ends, and try again."),
    "grant_too_many": N_("You share with twenty already. End one of them first."),
    "grant_unanswered": N_("Tick that you know who answers for what a partner does with your readings, or do not share with one."),
    "grant_over": N_("This link is over, or was ended by who made it. Ask them for another."),
    "too_many_reads": N_("This was read too often just now. Wait a minute and try again."),
    "passkey_wrong": N_("This passkey was not taken. Try again, or sign in with your password."),
    "passkey_opens_nothing": N_("This passkey cannot open your readings by itself. Sign in with your password; the passkey is asked next."),
    "passkey_too_many": N_("There are ten passkeys already. Remove one of them first."),
    "busy": N_("Many people are signing in just now. Try again in a minute."),
}

CHANGED = {
    "passkey": N_("The passkey is kept."),
    "passkey-gone": N_("The passkey is forgotten here. Remove it on your device as well."),
    "unshared": N_("Ended. From now on nothing more can be read; what was read before has been read."),
    "password": N_("The password is changed. Everywhere else you are signed out."),
    "imported": N_("The readings are here. What was here already was left as it was."),
    "noted": N_("Kept."),
    "deleted": N_("The reading is deleted here for good. Your home keeps its own copy until you delete it there."),
    "choices": N_("Your choices are kept. They hold from now on."),
}

# what stands in an account's log
LOGGED = {
    "shared": N_("You shared readings."),
    "unshared": N_("You ended a sharing."),
    "partner-read": N_("A partner read what you share."),
    "link-read": N_("A link of yours was opened."),
    "registered": N_("You made this account."),
    "confirmed": N_("You confirmed your address."),
    "signed-in": N_("Somebody signed in with your password."),
    "signed-in-by-passkey": N_("Somebody signed in with your passkey."),
    "passkey-made": N_("You made a passkey."),
    "passkey-gone": N_("You removed a passkey."),
    "signed-out": N_("You signed out."),
    "session-ended": N_("You ended a session elsewhere."),
    "password-changed": N_("You changed the password."),
    "recovered": N_("Your recovery code set a new password."),
    "recovery-code-made": N_("You made a new recovery code."),
    "linked": N_("A home was linked and handed over the keys of its readings."),
    "ordered": N_("You told a device at home to do something."),
    "consent-given": N_("You turned on a choice."),
    "consent-withdrawn": N_("You turned off a choice."),
    "text-acknowledged": N_("You read a text that had changed."),
    "letter-sent": N_("A letter that you had chosen was sent to you."),
    "exported": N_("You took everything with you."),
    "imported": N_("You brought readings from an export."),
    "reading-deleted": N_("You deleted a reading for good."),
    "handed-out": N_("After a letter by post, the sealed export was handed out."),
}
