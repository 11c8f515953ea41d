"""How the panel speaks, in English and in French: sentences by name, numbers and times as people write them.

Both languages stand side by side, so that neither is forgotten; {facts} in braces are filled in. Times are this machine's own, because
whoever looks at the panel sits before it.
"""

import time

LANGUAGES = ("en", "fr")
NAMES = {"en": "English", "fr": "Français"}

WORDS: dict[str, tuple[str, str]] = {
    "title": ("The house", "La maison"),
    "intro": (
        "A simulated home: step on the scale, open the window, pull a plug, and watch each reading find its way.",
        "Un foyer simulé : montez sur la balance, ouvrez la fenêtre, débranchez un appareil, et suivez le chemin de chaque mesure.",
    ),
    "skip": ("To the rooms", "Aller aux pièces"),
    "language": ("Language", "Langue"),
    "links": ("The other pages of this home", "Les autres pages de ce foyer"),
    "link_site": ("The account", "Le compte"),
    "link_page": ("The gateway's page", "La page de la passerelle"),
    "drawing": ("The house, cut through", "La maison en coupe"),
    "rooms": ("The rooms", "Les pièces"),
    "lost": (
        "The simulator does not answer. What you see may be old; the page tries again by itself.",
        "Le simulateur ne répond pas. Ce que vous voyez n'est peut-être plus à jour ; la page réessaie d'elle-même.",
    ),
    "refused_title": ("That did not work", "Cela n'a pas marché"),
    "back": ("Back to the house", "Retour à la maison"),
    # devices
    "room_scale": ("Bathroom", "Salle de bains"),
    "room_cuff": ("Living room", "Salon"),
    "room_babyphone": ("Nursery", "Chambre d'enfant"),
    "room_home": ("Hearth", "Âtre"),
    "outside": ("Outside", "Dehors"),
    "device_scale": ("Scale", "Balance"),
    "device_cuff": ("Blood pressure cuff", "Tensiomètre"),
    "device_babyphone": ("Babyphone", "Babyphone"),
    "in_scale": ("in the scale", "dans la balance"),
    "in_cuff": ("in the cuff", "dans le tensiomètre"),
    "in_babyphone": ("in the babyphone", "dans le babyphone"),
    "display": ("Display", "Écran"),
    "display_dark": ("The display is dark.", "L'écran est éteint."),
    "state_off": ("No power since {clock}.", "Sans courant depuis {clock}."),
    "state_starting": ("Starting.", "Démarrage."),
    "state_no_wifi": ("Out of reach of the Wi-Fi since {clock}.", "Hors de portée du Wi-Fi depuis {clock}."),
    "state_well": ("Powered, on the Wi-Fi.", "Sous tension, sur le Wi-Fi."),
    "truth_scale": ("Truly on the plate: {load}", "En vérité sur le plateau : {load}"),
    "truth_scale_empty": ("Nobody is on the plate.", "Personne sur le plateau."),
    "truth_scale_who": ("{person} is on the plate: {load}", "{person} est sur le plateau : {load}"),
    "truth_cuff": ("The cuff lies on the table.", "Le brassard est sur la table."),
    "truth_cuff_who": ("Around {person}'s arm: {pressure}", "Au bras, {person} : {pressure}"),
    "truth_cuff_cut_off": (
        "Around {person}'s arm: {pressure}. The independent cut-off has opened the valve.",
        "Au bras, {person} : {pressure}. La sécurité indépendante a ouvert la valve.",
    ),
    "truth_babyphone": ("Truly in the room: {Cel}, {percent}, {dBA}", "En vérité dans la chambre : {Cel}, {percent}, {dBA}"),
    "latest": ("{kind} {sequence}. {sentence}", "{kind} {sequence}. {sentence}"),
    "latest_none": ("No reading yet.", "Pas encore de mesure."),
    "state_gateway_on": ("The gateway runs; readings are kept safe here.", "La passerelle marche ; les mesures sont à l'abri ici."),
    "state_gateway_off": ("The gateway is off since {clock}.", "La passerelle est éteinte depuis {clock}."),
    "state_broker_on": ("The broker passes everything on.", "Le courtier transmet tout."),
    "state_broker_off": ("The broker is stopped since {clock}.", "Le courtier est arrêté depuis {clock}."),
    "state_switch_on": ("Running.", "En marche."),
    "state_switch_off": ("Stopped since {clock}.", "Arrêté depuis {clock}."),
    "gateway": ("Gateway", "Passerelle"),
    "broker": ("Broker", "Courtier"),
    "cloud": ("Cloud", "Nuage"),
    "arrived_none": ("Nothing in the cloud yet.", "Rien encore dans le nuage."),
    "arrived_one": ("1 reading in the cloud.", "1 mesure dans le nuage."),
    "arrived_many": ("{count} readings in the cloud.", "{count} mesures dans le nuage."),
    # what one can do
    "step_on": ("Step on the scale", "Monter sur la balance"),
    "stand_recorded": ("Or somebody a force platform recorded", "Ou quelqu'un enregistré sur une plateforme de force"),
    "recorded": ("Recorded person {number}", "Personne enregistrée {number}"),
    "recorded_short": ("Person {number}", "Personne {number}"),
    "stand": ("Step on", "Monter"),
    "wrap": ("Wrap the cuff and press start", "Mettre le brassard et appuyer sur marche"),
    "press": ("Press the cuff's button", "Appuyer sur son bouton"),
    "press_why": ("While it measures, this stops it.", "Pendant la mesure, cela l'arrête."),
    "window_open": ("Open the window", "Ouvrir la fenêtre"),
    "window_close": ("Close the window", "Fermer la fenêtre"),
    "heat_on": ("Warm the room", "Chauffer la chambre"),
    "heat_off": ("Turn the heater off", "Éteindre le chauffage"),
    "cry": ("A cry", "Un pleur"),
    "television": ("A loud TV", "Une télé forte"),
    "noise": ("Make noise", "Faire du bruit"),
    "more_nursery": ("By numbers", "En chiffres"),
    "set_room": ("Let the room be like this", "Mettre la chambre ainsi"),
    "label_Cel": ("Temperature, °C", "Température, °C"),
    "label_percent": ("Humidity, %", "Humidité, %"),
    "label_dBA": ("Loudness, dB(A)", "Niveau, dB(A)"),
    "label_seconds": ("Seconds", "Secondes"),
    "power_off": ("Cut the power", "Couper le courant"),
    "power_on": ("Restore the power", "Remettre le courant"),
    "wifi_off": ("Cut the Wi-Fi", "Couper le Wi-Fi"),
    "wifi_on": ("Restore the Wi-Fi", "Rétablir le Wi-Fi"),
    "gateway_off": ("Kill the gateway", "Arrêter net la passerelle"),
    "gateway_on": ("Start the gateway", "Démarrer la passerelle"),
    "broker_off": ("Stop the broker", "Arrêter le courtier"),
    "broker_on": ("Start the broker", "Démarrer le courtier"),
    "switch_off": ("Stop it", "L'arrêter"),
    "switch_on": ("Start it", "Le démarrer"),
    # readings
    "readings": ("Readings on their way", "Les mesures en chemin"),
    "readings_why": (
        "Measured and signed on the device, kept safe at home, sealed, and only then sent to the cloud. Touch one to see each stop.",
        "Mesurée et signée par l'appareil, à l'abri au foyer, scellée, puis seulement envoyée au nuage. Touchez-en une pour le détail.",
    ),
    "readings_none": (
        "Nothing was measured yet. Let somebody step on the scale.",
        "Rien n'a encore été mesuré. Faites monter quelqu'un sur la balance.",
    ),
    "readings_earlier_one": ("And 1 more that arrived.", "Et 1 autre, bien arrivée."),
    "readings_earlier": ("And {count} more that arrived.", "Et {count} autres, bien arrivées."),
    "readings_later_one": ("And 1 more on its way.", "Et 1 autre en chemin."),
    "readings_later": ("And {count} more on their way.", "Et {count} autres en chemin."),
    "kind_0": ("Weight", "Poids"),
    "kind_1": ("Blood pressure", "Tension"),
    "kind_2": ("Room climate", "Climat de la chambre"),
    "kind_3": ("Device status", "État de l'appareil"),
    "kind_4": ("Failed measurement", "Mesure échouée"),
    "kind_-1": ("Reading", "Mesure"),
    "where_device": ("On the device", "Sur l'appareil"),
    "where_home": ("At home", "Au foyer"),
    "where_cloud": ("In the cloud", "Dans le nuage"),
    "stop_measured": ("measured", "mesurée"),
    "stop_signed": ("signed", "signée"),
    "stop_kept": ("kept", "gardée"),
    "stop_sent": ("sent", "envoyée"),
    "stop_committed": ("committed", "enregistrée"),
    "stop_receipted": ("receipted", "confirmée à l'appareil"),
    "stop_assigned": ("assigned", "attribuée"),
    "stop_sealed": ("sealed", "scellée"),
    "stop_published": ("published", "publiée"),
    "stop_in_cloud": ("in the cloud", "dans le nuage"),
    "not_yet": ("not yet", "pas encore"),
    "moving": ("On its way: {stop}.", "En route : {stop}."),
    "arrived": ("In the cloud after {seconds}.", "Dans le nuage après {seconds}."),
    "waits_power": ("Waits {place} since {clock}: it has no power.", "Attend {place} depuis {clock} : plus de courant."),
    "waits_wifi": ("Waits {place} since {clock}: no Wi-Fi.", "Attend {place} depuis {clock} : pas de Wi-Fi."),
    "waits_gateway": ("Waits {place} since {clock}: the gateway is off.", "Attend {place} depuis {clock} : la passerelle est éteinte."),
    "waits_again": ("Waits {place} since {clock}: it will be sent again soon.", "Attend {place} depuis {clock} : bientôt renvoyée."),
    "waits_gateway_home": (
        "Safe at home since {clock}: the gateway is off.",
        "À l'abri au foyer depuis {clock} : la passerelle est éteinte.",
    ),
    "waits_broker": (
        "Safe at home since {clock}: the broker is stopped.",
        "À l'abri au foyer depuis {clock} : le courtier est arrêté.",
    ),
    "waits_again_home": (
        "Safe at home since {clock}: it will be sent again soon.",
        "À l'abri au foyer depuis {clock} : bientôt renvoyée.",
    ),
    "waits_owner": (
        "Safe at home since {clock}: nobody has said yet whose it is.",
        "À l'abri au foyer depuis {clock} : personne n'a encore dit à qui elle est.",
    ),
    "waits_account": (
        "Safe at home since {clock}: no account is linked for it.",
        "À l'abri au foyer depuis {clock} : aucun compte n'y est lié.",
    ),
    # what was last done, for whoever listens to the page
    "did_stepped_on": ("{person} steps on the scale.", "{person} monte sur la balance."),
    "did_stood": ("{person} has stood still long enough.", "{person} a tenu assez longtemps sans bouger."),
    "did_stepped_off": ("{person} steps off the scale.", "{person} descend de la balance."),
    "did_wrapped": ("{person} wraps the cuff and presses start.", "{person} met le brassard et appuie sur marche."),
    "did_measured_pressure": ("The cuff is empty again; {person} takes it off.", "Le brassard est vide ; {person} le retire."),
    "did_not_measured": ("The cuff did not fill; {person} takes it off.", "Le brassard ne s'est pas gonflé ; {person} le retire."),
    "did_overpressure_cut_off": ("The independent cut-off has opened the valve.", "La sécurité indépendante a ouvert la valve."),
    "did_power_off": ("{device}: power cut.", "{device} : courant coupé."),
    "did_power_on": ("{device}: power restored.", "{device} : courant remis."),
    "did_wifi_off": ("{device}: Wi-Fi cut.", "{device} : Wi-Fi coupé."),
    "did_wifi_on": ("{device}: Wi-Fi restored.", "{device} : Wi-Fi rétabli."),
    "did_window_open": ("The window is open.", "La fenêtre est ouverte."),
    "did_window_closed": ("The window is closed.", "La fenêtre est fermée."),
    "did_heater_on": ("The heater is on.", "Le chauffage marche."),
    "did_heater_off": ("The heater is off.", "Le chauffage est éteint."),
    "did_room": ("The room is set.", "La chambre est réglée."),
    "did_noise": ("It is loud in the nursery.", "Il y a du bruit dans la chambre."),
    "did_pressed": ("The button was pressed.", "Le bouton a été pressé."),
    # refusals
    "no_device": ("There is no such device in this house.", "Il n'y a pas d'appareil de ce nom dans cette maison."),
    "no_verb": ("That cannot be done with this device.", "Cela ne se fait pas avec cet appareil."),
    "no_person": ("Nobody of that name lives here.", "Personne de ce nom n'habite ici."),
    "no_recording": ("There is no recording of that name.", "Il n'y a pas d'enregistrement de ce nom."),
    "bad_recording": ("That recording cannot be read.", "Cet enregistrement est illisible."),
    "no_switch": ("There is no such switch.", "Il n'y a pas d'interrupteur de ce nom."),
    "no_choice": ("Say which: {choices}.", "Dites lequel : {choices}."),
    "no_number": ("{field}: this has to be a number.", "{field} : il faut un nombre."),
    "out_of_range": (
        "{field}: it has to be between {lowest} and {highest}.",
        "{field} : il faut un nombre entre {lowest} et {highest}.",
    ),
    "in_use": ("Somebody is using it already. Wait until they are done.", "Quelqu'un s'en sert déjà. Attendez qu'il ait fini."),
    "unpowered": ("It has no power. Restore the power first.", "Il n'a plus de courant. Remettez d'abord le courant."),
    "bad_form": ("That form cannot be read.", "Ce formulaire est illisible."),
    "switch_failed": ("It did not obey: {what}", "Cela n'a pas obéi : {what}"),
    "no_page": ("There is no such page.", "Il n'y a pas de telle page."),
}


class Tongue:
    """One language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._column = LANGUAGES.index(language)

    def say(self, name: str, /, **facts: object) -> str:
        """Return the sentence of a name, with its facts filled in and its spaces as this language sets them."""
        sentence = WORDS[name][self._column].replace("Wi-Fi", "Wi\N{NON-BREAKING HYPHEN}Fi").replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")
        if self.language == "fr":
            for sign in ":;!?":
                sentence = sentence.replace(f" {sign}", f"\N{NO-BREAK SPACE}{sign}")
        return sentence.format(**facts) if facts else sentence

    def number(self, value: float, digits: int = 0, unit: str = "") -> str:
        """Return a number as it is written here: 72.4 kg or 72,4 kg, never broken over lines."""
        written = f"{value:.{digits}f}"
        if written.strip("-0.") == "":
            written = written.lstrip("-")
        written = written.replace("-", "\N{MINUS SIGN}")
        if self.language == "fr":
            written = written.replace(".", ",")
        return f"{written}\N{NO-BREAK SPACE}{unit}" if unit else written

    def clock(self, utc_s: float, with_seconds: bool = False) -> str:
        """Return the time of day on this machine: 19:42 or 19:42:07."""
        return time.strftime("%H:%M:%S" if with_seconds else "%H:%M", time.localtime(utc_s))


def preferred(accepted: str) -> str:
    """Return the language of an Accept-Language header; English unless French comes first."""
    for part in accepted.lower().split(","):
        named = part.split(";")[0].strip()[:2]
        if named in LANGUAGES:
            return named
    return "en"
