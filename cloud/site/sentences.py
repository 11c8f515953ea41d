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
    "busy": N_("Many people are signing in just now. Try again in a minute."),
}
