"""What a person reads for each fault code, in English and in French: what happened, what it means for the reading, what to do next.

For computers only. A device shows the number and a few words: at most 21 letters, one line of a 128-pixel display. Those stand in
`WORDS`, by who says them, and `tools/build.py` compiles them into each device. A test finds codes without a sentence.
"""

from protocol import faults

SENTENCES = {
    faults.SOFTWARE_FAULT: {
        "en": "The device met a mistake of its own and started again. Nothing kept was lost. If it happens again, please report it.",
        "fr": "L'appareil a rencontré une erreur interne et a redémarré. Rien de ce qui était gardé n'est perdu. Si cela se "
        "répète, signalez-le.",
    },
    faults.WATCHDOG: {
        "en": "The device stood still and was started again. Nothing kept was lost. Repeat the measurement.",
        "fr": "L'appareil s'était bloqué et a été redémarré. Rien de ce qui était gardé n'est perdu. Refaites la mesure.",
    },
    faults.MEMORY_SHORT: {
        "en": "The device ran out of memory. This measurement was not saved. Measure again.",
        "fr": "La mémoire de l'appareil était pleine. Cette mesure n'a pas été enregistrée. Recommencez.",
    },
    faults.SELF_TEST_FAILED: {
        "en": "The device failed its own test and will not sign readings. Nothing is measured. Restart it; if this stays, have it checked.",
        "fr": "L'appareil a échoué à son autotest et ne signe plus rien. Aucune mesure n'est faite. Redémarrez-le ; si cela "
        "persiste, faites-le vérifier.",
    },
    faults.SETTINGS_BAD: {
        "en": "The device's settings cannot be read. Nothing is measured. Set it up again.",
        "fr": "Les réglages de l'appareil sont illisibles. Aucune mesure n'est faite. Configurez-le à nouveau.",
    },
    faults.IDENTITY_MISSING: {
        "en": "The device has no identity yet. Readings cannot be sent. Pair it with your home.",
        "fr": "L'appareil n'a pas encore d'identité. Les mesures ne peuvent pas être envoyées. Associez-le à votre foyer.",
    },
    faults.OUTBOX_FULL: {
        "en": "The device holds as many unsent readings as it can. This measurement was not saved. Bring it back into reach "
        "of the gateway.",
        "fr": "L'appareil garde déjà autant de mesures non envoyées que possible. Cette mesure n'a pas été enregistrée. "
        "Rapprochez-le de la passerelle.",
    },
    faults.FLASH_BROKEN: {
        "en": "The device could not write to its memory. This measurement was not saved. Restart it; if this stays, have it checked.",
        "fr": "L'appareil n'a pas pu écrire dans sa mémoire. Cette mesure n'a pas été enregistrée. Redémarrez-le ; si cela "
        "persiste, faites-le vérifier.",
    },
    faults.BATTERY_LOW: {
        "en": "The batteries are empty. What was measured before is kept, and nothing new is saved. Put in new batteries.",
        "fr": "Les piles sont vides. Ce qui a été mesuré avant est gardé, et rien de nouveau n'est enregistré. Mettez des piles neuves.",
    },
    faults.RECORD_BROKEN: {
        "en": "An unsent reading was damaged in the device's memory. That reading is lost, the others are not. Measure again.",
        "fr": "Une mesure non envoyée a été abîmée dans la mémoire de l'appareil. Elle est perdue, les autres non. Refaites la mesure.",
    },
    faults.SAFE_MODE: {
        "en": "The device failed several times in a row and now rests. Nothing is measured, what was kept is sent. It tries again by "
        "itself; if this stays, have it checked.",
        "fr": "L'appareil a échoué plusieurs fois de suite et se repose. Rien n'est mesuré, ce qui était gardé est envoyé. Il réessaie "
        "de lui-même ; si cela persiste, faites-le vérifier.",
    },
    faults.CHIP_ABSENT: {
        "en": "A sensor does not answer. Nothing was measured. Restart the device; if this stays, have it checked.",
        "fr": "Un capteur ne répond pas. Rien n'a été mesuré. Redémarrez l'appareil ; si cela persiste, faites-le vérifier.",
    },
    faults.WRONG_CHIP: {
        "en": "The device found another sensor than expected. Nothing was measured. Have it checked.",
        "fr": "L'appareil a trouvé un autre capteur que prévu. Rien n'a été mesuré. Faites-le vérifier.",
    },
    faults.CHIP_SILENT: {
        "en": "A sensor took too long to answer. This measurement was not saved. Measure again.",
        "fr": "Un capteur a mis trop de temps à répondre. Cette mesure n'a pas été enregistrée. Recommencez.",
    },
    faults.CHIP_CHECKSUM: {
        "en": "A sensor's answer was garbled. This measurement was not saved. Measure again.",
        "fr": "La réponse d'un capteur était brouillée. Cette mesure n'a pas été enregistrée. Recommencez.",
    },
    faults.CHIP_SATURATED: {
        "en": "A sensor was driven past its range. This measurement was not saved. Measure again within the device's limits.",
        "fr": "Un capteur a dépassé sa plage. Cette mesure n'a pas été enregistrée. Recommencez dans les limites de l'appareil.",
    },
    faults.CHIP_UNTRUSTED: {
        "en": "A sensor says that its own value cannot be trusted. This measurement was not saved. Measure again.",
        "fr": "Un capteur signale que sa valeur n'est pas fiable. Cette mesure n'a pas été enregistrée. Recommencez.",
    },
    faults.BUS_HELD: {
        "en": "The sensors cannot be reached. Nothing was measured. Unplug the device for ten seconds.",
        "fr": "Les capteurs sont injoignables. Rien n'a été mesuré. Débranchez l'appareil pendant dix secondes.",
    },
    faults.SCALE_OVERLOADED: {
        "en": "That is more than the scale can carry. The weight was not saved. Step off.",
        "fr": "C'est plus que ce que la balance peut porter. Le poids n'a pas été enregistré. Descendez.",
    },
    faults.SCALE_NOT_STILL: {
        "en": "The weight did not settle. It was not saved. Stand still for a few seconds and try again.",
        "fr": "Le poids ne s'est pas stabilisé. Il n'a pas été enregistré. Restez immobile quelques secondes et réessayez.",
    },
    faults.SCALE_NOT_CALIBRATED: {
        "en": "The scale is not calibrated. Weights cannot be taken. Have it calibrated.",
        "fr": "La balance n'est pas étalonnée. Elle ne peut pas peser. Faites-la étalonner.",
    },
    faults.SCALE_NOT_EMPTY: {
        "en": "Something stands on the scale. It cannot find its zero. Clear it and wait a moment.",
        "fr": "Il y a quelque chose sur la balance. Elle ne trouve pas son zéro. Videz-la et attendez un instant.",
    },
    faults.SCALE_TOO_LIGHT: {
        "en": "That is too light for this scale. The weight was not saved. Step on with both feet.",
        "fr": "C'est trop léger pour cette balance. Le poids n'a pas été enregistré. Montez avec les deux pieds.",
    },
    faults.CUFF_LEAK: {
        "en": "The cuff lost air. This measurement was not saved. Wrap the cuff snugly and press start.",
        "fr": "Le brassard a perdu de l'air. Cette mesure n'a pas été enregistrée. Serrez bien le brassard et appuyez sur départ.",
    },
    faults.CUFF_OVERPRESSURE: {
        "en": "The cuff reached its pressure limit and was opened. This measurement was not saved. Wait a few minutes, then press start.",
        "fr": "Le brassard a atteint sa limite de pression et a été ouvert. Cette mesure n'a pas été enregistrée. Attendez "
        "quelques minutes, puis appuyez sur départ.",
    },
    faults.CUFF_TOO_SLOW: {
        "en": "The measurement took too long and the cuff was opened. It was not saved. Wrap the cuff snugly and press start.",
        "fr": "La mesure a duré trop longtemps et le brassard a été ouvert. Elle n'a pas été enregistrée. Serrez bien le "
        "brassard et appuyez sur départ.",
    },
    faults.CUFF_STOPPED: {
        "en": "You stopped the measurement. It was not saved. Press start when you are ready.",
        "fr": "Vous avez arrêté la mesure. Elle n'a pas été enregistrée. Appuyez sur départ quand vous êtes prêt.",
    },
    faults.CUFF_MOVED: {
        "en": "The arm moved. This measurement was not saved. Sit still, rest your arm on a table and press start.",
        "fr": "Le bras a bougé. Cette mesure n'a pas été enregistrée. Restez assis, le bras posé sur une table, et appuyez sur départ.",
    },
    faults.CUFF_NO_PULSE: {
        "en": "No clear pulse was found. This measurement was not saved. Wrap the cuff on your bare upper arm and press start.",
        "fr": "Aucun pouls net n'a été trouvé. Cette mesure n'a pas été enregistrée. Placez le brassard sur le bras nu et "
        "appuyez sur départ.",
    },
    faults.CUFF_NOT_EMPTY: {
        "en": "There is still air in the cuff. The measurement did not begin. Take the cuff off, press the air out, and press start.",
        "fr": "Il reste de l'air dans le brassard. La mesure n'a pas commencé. Retirez le brassard, videz-le et appuyez sur départ.",
    },
    faults.CUFF_IMPLAUSIBLE: {
        "en": "The values found cannot be right. They were not saved. Rest for a few minutes and press start.",
        "fr": "Les valeurs trouvées ne peuvent pas être justes. Elles n'ont pas été enregistrées. Reposez-vous quelques "
        "minutes et appuyez sur départ.",
    },
    faults.CUFF_VALVE: {
        "en": "The cuff does not let its air out as it should. Take it off now. The device must be checked before it is used again.",
        "fr": "Le brassard ne se vide pas comme il le devrait. Retirez-le maintenant. L'appareil doit être vérifié avant d'être réutilisé.",
    },
    faults.CUFF_TUBE: {
        "en": "The tube seems bent or blocked. This measurement was not saved. Straighten the tube and press start.",
        "fr": "Le tuyau semble plié ou bouché. Cette mesure n'a pas été enregistrée. Redressez le tuyau et appuyez sur départ.",
    },
    faults.CUFF_TOO_FEW_BEATS: {
        "en": "Too few heartbeats were seen. This measurement was not saved. Sit still and press start.",
        "fr": "Trop peu de battements ont été vus. Cette mesure n'a pas été enregistrée. Restez immobile et appuyez sur départ.",
    },
    faults.CUFF_LOOSE: {
        "en": "The cuff did not tighten. This measurement was not saved. Wrap it so that one finger fits under it, and press start.",
        "fr": "Le brassard ne s'est pas serré. Cette mesure n'a pas été enregistrée. Serrez-le en laissant passer un doigt, "
        "puis appuyez sur départ.",
    },
    faults.CUFF_CUT_OFF: {
        "en": "Only a part of the pulse was seen. This measurement was not saved. Sit still until the cuff is empty and press start.",
        "fr": "Une partie du pouls seulement a été vue. Cette mesure n'a pas été enregistrée. Restez immobile jusqu'à ce que le "
        "brassard soit vide et appuyez sur départ.",
    },
    faults.CUFF_SENSOR: {
        "en": "The cuff's pressure sensor cannot be believed. The air was let out and nothing was saved. Press start once more; "
        "if this stays, have the cuff checked.",
        "fr": "Le capteur de pression du brassard n'est pas crédible. L'air a été évacué et rien n'a été enregistré. Appuyez encore "
        "une fois sur départ ; si cela persiste, faites vérifier le brassard.",
    },
    faults.MICROPHONE_SILENT: {
        "en": "The microphone is silent. Crying cannot be heard. Restart the babyphone; if this stays, have it checked.",
        "fr": "Le microphone est muet. Les pleurs ne peuvent pas être entendus. Redémarrez le babyphone ; si cela persiste, "
        "faites-le vérifier.",
    },
    faults.CLIMATE_IMPLAUSIBLE: {
        "en": "The room's temperature cannot be measured right now. No climate is shown. Place the babyphone away from heat and damp.",
        "fr": "La température de la chambre ne peut pas être mesurée. Le climat n'est pas affiché. Éloignez le babyphone de "
        "la chaleur et de l'humidité.",
    },
    faults.WIFI_ABSENT: {
        "en": "The Wi-Fi cannot be found. Readings are kept and sent later. Check that the Wi-Fi is on.",
        "fr": "Le Wi-Fi est introuvable. Les mesures sont gardées et envoyées plus tard. Vérifiez que le Wi-Fi est allumé.",
    },
    faults.WIFI_REFUSED: {
        "en": "The Wi-Fi refused the device. Readings are kept and sent later. Check the Wi-Fi password.",
        "fr": "Le Wi-Fi a refusé l'appareil. Les mesures sont gardées et envoyées plus tard. Vérifiez le mot de passe.",
    },
    faults.GATEWAY_SILENT: {
        "en": "The gateway does not answer. Readings are kept and sent later. Check that it is plugged in.",
        "fr": "La passerelle ne répond pas. Les mesures sont gardées et envoyées plus tard. Vérifiez qu'elle est branchée.",
    },
    faults.LINK_BROKEN: {
        "en": "The gateway and the device no longer understand each other. Readings are kept. Pair the device again.",
        "fr": "La passerelle et l'appareil ne se comprennent plus. Les mesures sont gardées. Associez l'appareil à nouveau.",
    },
    faults.RECEIPT_WRONG: {
        "en": "The gateway confirmed another reading than the one sent. The reading is kept and sent again. Nothing needs to be done.",
        "fr": "La passerelle a confirmé une autre mesure que celle envoyée. La mesure est gardée et renvoyée. Il n'y a rien à faire.",
    },
    faults.COUNTER_BROKEN: {
        "en": "The device cannot count its messages safely. Readings are kept but not sent. Pair the device again.",
        "fr": "L'appareil ne peut plus compter ses messages avec certitude. Les mesures sont gardées mais pas envoyées. "
        "Associez l'appareil à nouveau.",
    },
    faults.WIFI_NO_ADDRESS: {
        "en": "The Wi-Fi gave the device no address. Readings are kept and sent later. Restart the router.",
        "fr": "Le Wi-Fi n'a pas donné d'adresse à l'appareil. Les mesures sont gardées et envoyées plus tard. Redémarrez la box.",
    },
    faults.BLUETOOTH_ABSENT: {
        "en": "Nobody of the home was near over Bluetooth. Readings are kept and sent later. Bring the device nearer to the gateway.",
        "fr": "Personne du foyer n'était à portée de Bluetooth. Les mesures sont gardées et envoyées plus tard. "
        "Rapprochez l'appareil de la passerelle.",
    },
    faults.BOND_LOST: {
        "en": "The device and its home no longer know each other over Bluetooth. Readings stay on the device. Pair it again, "
        "with its button held for three seconds.",
        "fr": "L'appareil et son foyer ne se connaissent plus par Bluetooth. Les mesures restent dans l'appareil. Associez-le à nouveau, "
        "en tenant son bouton trois secondes.",
    },
    faults.NOT_AUTHENTIC: {
        "en": "A reading did not prove which device it came from. It was not taken. If it is your device, pair it again.",
        "fr": "Une mesure n'a pas prouvé de quel appareil elle vient. Elle n'a pas été acceptée. Si c'est votre appareil, "
        "associez-le à nouveau.",
    },
    faults.NOT_CBOR: {
        "en": "A message could not be read. It was not taken. If it happens again, update the device.",
        "fr": "Un message était illisible. Il n'a pas été accepté. Si cela se répète, mettez l'appareil à jour.",
    },
    faults.NOT_COSE: {
        "en": "A message was not signed as it must be. It was not taken. If it happens again, update the device.",
        "fr": "Un message n'était pas signé comme il se doit. Il n'a pas été accepté. Si cela se répète, mettez l'appareil à jour.",
    },
    faults.BAD_READING: {
        "en": "A reading held an impossible value. It was not taken. Measure again.",
        "fr": "Une mesure contenait une valeur impossible. Elle n'a pas été acceptée. Refaites la mesure.",
    },
    faults.SEQUENCE_CONFLICT: {
        "en": "Two different readings carry the same number. The first one stays. Somebody may have copied the device: pair it again.",
        "fr": "Deux mesures différentes portent le même numéro. La première reste. L'appareil a peut-être été copié : "
        "associez-le à nouveau.",
    },
    faults.SEQUENCE_JUMP: {
        "en": "A reading's number jumped too far ahead. It was not taken. Pair the device again.",
        "fr": "Le numéro d'une mesure a fait un trop grand saut. Elle n'a pas été acceptée. Associez l'appareil à nouveau.",
    },
    faults.STORE_FULL: {
        "en": "The gateway has no room left. Readings stay on the device. Make room on the gateway's disk.",
        "fr": "La passerelle n'a plus de place. Les mesures restent sur l'appareil. Libérez de l'espace sur son disque.",
    },
    faults.TOO_LARGE: {
        "en": "A message was too large. It was not taken. If it happens again, update the device.",
        "fr": "Un message était trop grand. Il n'a pas été accepté. Si cela se répète, mettez l'appareil à jour.",
    },
    faults.WRONG_CONTENT: {
        "en": "A message was of an unknown kind. It was not taken. Update the gateway.",
        "fr": "Un message était d'un genre inconnu. Il n'a pas été accepté. Mettez la passerelle à jour.",
    },
    faults.NOT_PROTECTED: {
        "en": "A message was not protected. It was not taken. If it is your device, pair it again.",
        "fr": "Un message n'était pas protégé. Il n'a pas été accepté. Si c'est votre appareil, associez-le à nouveau.",
    },
    faults.REPLAYED: {
        "en": "A message came a second time. It was not taken again. Nothing needs to be done.",
        "fr": "Un message est arrivé une deuxième fois. Il n'a pas été repris. Il n'y a rien à faire.",
    },
    faults.COMMAND_LATE: {
        "en": "What was asked of the device came too late. It was not done. Ask again.",
        "fr": "La demande faite à l'appareil est arrivée trop tard. Elle n'a pas été exécutée. Recommencez.",
    },
    faults.COMMAND_REPEATED: {
        "en": "The device was asked for something it had been asked for before. It was not done again. Ask anew if you still want it.",
        "fr": "L'appareil avait déjà reçu cette demande. Elle n'a pas été exécutée à nouveau. Refaites-la si vous le souhaitez encore.",
    },
    faults.COMMAND_UNKNOWN: {
        "en": "The device does not know what it was asked for. Nothing was done. Update the device.",
        "fr": "L'appareil ne connaît pas cette demande. Rien n'a été fait. Mettez l'appareil à jour.",
    },
    faults.COMMAND_UNFIT: {
        "en": "The device was asked for something it cannot do in that way. Nothing was done. Choose another value.",
        "fr": "La demande faite à l'appareil n'est pas possible ainsi. Rien n'a été fait. Choisissez une autre valeur.",
    },
    faults.COMMAND_INTERRUPTED: {
        "en": "The device lost its power while it did what it was asked for. It may be done in part. Look at the device, then ask again.",
        "fr": "L'appareil a perdu son alimentation pendant la demande. Elle est peut-être exécutée en partie. Regardez "
        "l'appareil, puis recommencez.",
    },
    faults.COMMAND_NOT_NOW: {
        "en": "The device is busy with something else. It did not do what it was asked for. Ask again in a moment.",
        "fr": "L'appareil est occupé à autre chose. La demande n'a pas été exécutée. Recommencez dans un instant.",
    },
    faults.PAIRING_WRONG_CODE: {
        "en": "A device asked for a home, and this code is not its own. Nothing was changed. Compare the code with its label and type it "
        "again.",
        "fr": "Un appareil cherche un foyer, et ce code n'est pas le sien. Rien n'a changé. Comparez le code avec son étiquette et "
        "saisissez-le à nouveau.",
    },
    faults.PAIRING_REPLAYED: {
        "en": "Somebody played back an earlier pairing. Nothing was changed. Press the button on the device itself and try again.",
        "fr": "Quelqu'un a rejoué une association passée. Rien n'a changé. Appuyez sur le bouton de l'appareil lui-même et recommencez.",
    },
    faults.PAIRING_NOT_THIS_HOME: {
        "en": "A gateway answered that does not know this device's code. Nothing was changed. Type the code from the label at your own "
        "home's page.",
        "fr": "Une passerelle qui ne connaît pas le code de cet appareil a répondu. Rien n'a changé. Saisissez le code de l'étiquette "
        "sur la page de votre foyer.",
    },
    faults.PAIRING_HAS_HOME: {
        "en": "This device belongs to another home. Nothing was changed. If it is yours now, hold its button for ten seconds: it "
        "forgets that home. Then pair it again.",
        "fr": "Cet appareil appartient à un autre foyer. Rien n'a changé. S'il est à vous maintenant, maintenez son bouton dix "
        "secondes : il oublie ce foyer. Puis associez-le à nouveau.",
    },
    faults.PAIRING_NOT_THE_SAME: {
        "en": "The two numbers were not the same, or somebody said so. Nothing was changed. Somebody may stand between: try again "
        "nearer to the gateway.",
        "fr": "Les deux nombres différaient, ou quelqu'un l'a dit. Rien n'a changé. Quelqu'un s'interpose peut-être : recommencez "
        "plus près de la passerelle.",
    },
    faults.PAIRING_TOO_MANY: {
        "en": "Five tries failed. Nothing was changed. Wait two minutes, check the code on the label, and begin again.",
        "fr": "Cinq essais ont échoué. Rien n'a changé. Attendez deux minutes, vérifiez le code de l'étiquette, et recommencez.",
    },
    faults.PAIRING_TOO_LATE: {
        "en": "The two minutes are over. Nothing was changed. Press the device's button and begin again.",
        "fr": "Les deux minutes sont écoulées. Rien n'a changé. Appuyez sur le bouton de l'appareil et recommencez.",
    },
    faults.UPDATE_NOT_SIGNED: {
        "en": "The update is not signed by a key that the device trusts. It was not taken, and the device runs as before. Get it again "
        "from where it was published.",
        "fr": "La mise à jour n'est pas signée par une clé reconnue par l'appareil. Elle n'a pas été prise et l'appareil fonctionne "
        "comme avant. Reprenez-la là où elle a été publiée.",
    },
    faults.UPDATE_OTHER_DEVICE: {
        "en": "The update is for another kind of device, board or MicroPython. It was not taken, and the device runs as before. Choose "
        "the one for this device.",
        "fr": "La mise à jour est destinée à un autre appareil, une autre carte ou un autre MicroPython. Elle n'a pas été prise et "
        "l'appareil fonctionne comme avant. Choisissez celle de cet appareil.",
    },
    faults.UPDATE_OLDER: {
        "en": "The update is not newer than what the device runs. It was not taken. There is nothing to do.",
        "fr": "La mise à jour n'est pas plus récente que ce que l'appareil utilise. Elle n'a pas été prise. Il n'y a rien à faire.",
    },
    faults.UPDATE_BROKEN: {
        "en": "The update's list of files is no list that can be followed. It was not taken, and the device runs as before. Get it again "
        "from where it was published.",
        "fr": "La liste des fichiers de la mise à jour est inutilisable. Elle n'a pas été prise et l'appareil fonctionne comme avant. "
        "Reprenez-la là où elle a été publiée.",
    },
    faults.UPDATE_DAMAGED: {
        "en": "What arrived of the update is not what was signed. It was not taken, and the device runs as before. It is tried "
        "again later.",
        "fr": "Ce qui est arrivé de la mise à jour n'est pas ce qui a été signé. Elle n'a pas été prise et l'appareil fonctionne comme "
        "avant. Un nouvel essai suivra.",
    },
    faults.UPDATE_NO_ROOM: {
        "en": "The device's memory has no room for the update beside its readings. It was not taken, and the device runs as before. Let "
        "it send its readings, or have it checked.",
        "fr": "La mémoire de l'appareil n'a pas la place pour la mise à jour à côté des mesures. Elle n'a pas été prise et l'appareil "
        "fonctionne comme avant. Laissez-le envoyer ses mesures, ou faites-le vérifier.",
    },
    faults.UPDATE_BATTERY: {
        "en": "The batteries are too low for an update. It was not taken, and the device runs as before. Put in new batteries.",
        "fr": "Les piles sont trop faibles pour une mise à jour. Elle n'a pas été prise et l'appareil fonctionne comme avant. Mettez des "
        "piles neuves.",
    },
    faults.UPDATE_WITHDRAWN: {
        "en": "The home no longer offers this update. It was not taken, and the device runs as before. There is nothing to do.",
        "fr": "Le foyer ne propose plus cette mise à jour. Elle n'a pas été prise et l'appareil fonctionne comme avant. Il n'y a rien à "
        "faire.",
    },
    faults.UPDATE_UNPROVED: {
        "en": "The update started three times and never proved itself. The device went back to the version before it. Nothing kept was "
        "lost.",
        "fr": "La mise à jour a démarré trois fois sans faire ses preuves. L'appareil est revenu à la version précédente. Rien de ce qui "
        "était gardé n'est perdu.",
    },
    faults.UPDATE_PARTS_SILENT: {
        "en": "With the update the device did not find its sensors. It went back to the version before it. Nothing kept was lost.",
        "fr": "Avec la mise à jour, l'appareil ne trouvait plus ses capteurs. Il est revenu à la version précédente. Rien de ce qui était "
        "gardé n'est perdu.",
    },
    faults.UPDATE_UNHEARD: {
        "en": "With the update the device did not reach the home, and with the version before it it did. It went back to that one. Nothing "
        "kept was lost.",
        "fr": "Avec la mise à jour, l'appareil n'atteignait plus le foyer, et avec la version précédente si. Il est revenu à celle-ci. "
        "Rien de ce qui était gardé n'est perdu.",
    },
    faults.UPDATE_IMAGE: {
        "en": "The MicroPython that came with the update did not start or did not last. The device went back to the version before it, "
        "with the MicroPython of before. Nothing kept was lost.",
        "fr": "Le MicroPython livré avec la mise à jour n'a pas démarré ou n'a pas tenu. L'appareil est revenu à la version précédente, "
        "avec le MicroPython d'avant. Rien de ce qui était gardé n'est perdu.",
    },
}


# who says it: {name: (English, French)}
WORDS = {
    "all": {
        "starting": ("one moment", "un instant"),
        # a reading's way
        "on_its_way": ("on its way", "en route"),
        "arrived": ("arrived", "arrivé"),
        "no_wifi": ("kept, no Wi-Fi", "gardé, pas de Wi-Fi"),
        "not_near": ("kept, home not near", "gardé, foyer loin"),
        "wifi_refused": ("kept, Wi-Fi refuses", "gardé, Wi-Fi refusé"),
        "no_address": ("kept, no address", "gardé, sans adresse"),
        "home_silent": ("kept, home silent", "gardé, foyer muet"),
        "home_busy": ("kept, home is busy", "gardé, foyer occupé"),
        "home_strange": ("kept, pair me again", "gardé, associez-moi"),
        "refused": ("home refused it", "refusé par le foyer"),
        # the device itself
        "safe_mode": ("resting, have me seen", "repos, à vérifier"),
        "hold_on": ("hold to forget all", "maintenir : oublier"),
        "forgotten": ("home forgotten", "foyer oublié"),
        "here": ("here I am", "me voici"),
        # looking for a home
        "homeless": ("press to pair me", "appuyez : m'associer"),
        "pairing": ("type my code at home", "tapez mon code"),
        "same": ("same? press me", "pareil ? appuyez"),
        "agreed": ("say so at home too", "dites-le au foyer"),
        "paired": ("paired", "associé"),
        "not_paired": ("not paired", "non associé"),
        # faults
        "full": ("full, not saved", "plein, non gardé"),
        "sensor": ("sensor trouble", "capteur en panne"),
        "batteries_empty": ("batteries empty", "piles vides"),
        "memory_fault": ("memory fault", "défaut de mémoire"),
        "set_up_again": ("set me up again", "à configurer"),
        "again": ("please try again", "recommencez"),
    },
    "scale": {
        "empty_plate": ("leave the plate", "laissez le plateau"),
        "step_on": ("step on", "montez"),
        "stand_still": ("stand still", "ne bougez plus"),
        "a_moment": ("a moment more", "encore un instant"),
        "too_heavy": ("too heavy", "trop lourd"),
        "too_light": ("too light for me", "trop léger pour moi"),
        "no_bare_feet": ("arrived, no bare feet", "reçu, pieds couverts"),
    },
    "cuff": {
        "press_start": ("press start", "appuyez sur marche"),
        "keep_still": ("keep still", "ne bougez pas"),
        "inflating": ("inflating", "gonflage"),
        "measuring": ("measuring, keep still", "mesure, ne bougez pas"),
        "venting": ("letting the air out", "dégonflage"),
        "computing": ("one moment", "un instant"),
        "take_off": ("take the cuff off", "retirez le brassard"),
        "loose": ("wrap it snugly", "serrez le brassard"),
        "too_much_air": ("too much air", "trop d'air"),
        "stopped": ("stopped", "arrêté"),
        "moved": ("moved, try again", "bougé, recommencez"),
        "no_pulse": ("no pulse, try again", "pas de pouls"),
        "too_slow": ("took too long", "trop long"),
        "tube": ("straighten the tube", "redressez le tuyau"),
        "rest_first": ("rest a moment first", "reposez-vous d'abord"),
        "rest_between": ("rest, then once more", "repos, puis encore"),
        "twice": ("twice: press start", "deux fois : marche"),
        "armed": ("asked: press start", "demandé : marche"),
        "for_a": ("for A: press start", "pour A : marche"),
        "for_b": ("for B: press start", "pour B : marche"),
        "for_guest": ("guest: press start", "invité : marche"),
    },
    "babyphone": {
        "room": ("in the room", "dans la chambre"),
    },
}
# fault code: the name of its words; every other fault is "again"
WORDS_OF_FAULT = {
    faults.SAFE_MODE: "safe_mode",
    faults.OUTBOX_FULL: "full",
    faults.BATTERY_LOW: "batteries_empty",
    faults.CHIP_ABSENT: "sensor",
    faults.WRONG_CHIP: "sensor",
    faults.CHIP_SILENT: "sensor",
    faults.CHIP_CHECKSUM: "sensor",
    faults.CHIP_SATURATED: "sensor",
    faults.CHIP_UNTRUSTED: "sensor",
    faults.BUS_HELD: "sensor",
    faults.MICROPHONE_SILENT: "sensor",
    faults.FLASH_BROKEN: "memory_fault",
    faults.COUNTER_BROKEN: "memory_fault",
    faults.SETTINGS_BAD: "set_up_again",
    faults.IDENTITY_MISSING: "set_up_again",
    faults.SCALE_NOT_CALIBRATED: "set_up_again",
    faults.SCALE_OVERLOADED: "too_heavy",
    faults.SCALE_TOO_LIGHT: "too_light",
    faults.CUFF_LEAK: "loose",
    faults.CUFF_OVERPRESSURE: "too_much_air",
    faults.CUFF_TOO_SLOW: "too_slow",
    faults.CUFF_STOPPED: "stopped",
    faults.CUFF_MOVED: "moved",
    faults.CUFF_NO_PULSE: "no_pulse",
    faults.CUFF_VALVE: "take_off",
    faults.CUFF_NOT_EMPTY: "take_off",
    faults.CUFF_TUBE: "tube",
    faults.CUFF_TOO_FEW_BEATS: "moved",
    faults.CUFF_LOOSE: "loose",
    faults.CUFF_CUT_OFF: "moved",
    faults.CUFF_SENSOR: "sensor",
    faults.PAIRING_REPLAYED: "not_paired",
    faults.PAIRING_NOT_THIS_HOME: "not_paired",
    faults.PAIRING_HAS_HOME: "not_paired",
    faults.PAIRING_NOT_THE_SAME: "not_paired",
    faults.PAIRING_TOO_MANY: "not_paired",
    faults.PAIRING_TOO_LATE: "not_paired",
}


def sentence(fault_code: int, language: str = "en") -> str:
    """Return the sentence for a code; a code from a newer device gets one that says so."""
    if fault_code in SENTENCES:
        return SENTENCES[fault_code][language]
    unknown = {
        "en": f"The device reports fault {fault_code}, which is not known here. Update the gateway.",
        "fr": f"L'appareil signale le défaut {fault_code}, inconnu ici. Mettez la passerelle à jour.",
    }
    return unknown[language]
