"""Claims of what was not done are held back; everything else passes, letter by letter."""

import time

import pytest

from chat.safety.truth import TruthGate

NOTE = " Nothing has been booked, changed or cancelled yet: I will tell you here with a reference."

CLAIMS = """
    Sí, tu cita está reservada
    No te preocupes, tu cita quedó cancelada
    No problem, your appointment is booked
    Your appointment is confirmed; if you need anything, call us
    te agendé para el lunes
    Ya te reservé la cita.
    Cancelé tu cita.
    Moví tu cita al martes.
    Booked!
    Reservado.
    Cita: RESERVADA
    Queda usted citado para el martes
    Quedaste agendado
    Ya tienes cita el martes
    I canceled your appointment
    Reservation confirmed: Monday at 10
    Te registré.
    Your reference is HM-ABC234
    Your appointment HM-ABC234 has been cancelled
    Tu cita con la Dra. Ruiz quedó reservada
    Your appointment with Dr. Ruiz is booked
    Tu cita está reservada, ¿algo más?
    Your appointment is booked, anything else?
    Your appointment is booked, right?
    Would you like anything else now that your appointment is booked?
    Your appointment is on Monday at 10.
    You have an appointment on Monday.
    You're all set!
    He reservado tu cita.
    Hemos cancelado su cita.
    Acabo de reservar tu cita.
    Se ha confirmado tu cita.
    Su cita ha sido reprogramada para el viernes.
    Your booking has been moved to Friday.
    I've moved it to Friday.
    La he cambiado al viernes.
    Te cambié la cita para el viernes.
    I went ahead and booked it.
    Done, I booked you in for Monday.
    All set, see you Monday.
    Tu cita ya está lista.
    Your registration is complete.
    Ya estás registrado en nuestro sistema.
    You are now registered.
    I've registered you.
    Quedas para el martes a las 10.
    Te confirmo tu cita para el lunes.
    Confirmado: lunes 10:00.
    ¡Listo! Reservada.
    Your cancellation is confirmed.
    La cancelación fue procesada.
    I have gone ahead and scheduled you.
    Tu turno quedó agendado.
    **Booked** for Monday.
    Tu cita está **reservada**.
    re**serv**ada tu cita
    Your appointment is now confirmed if you need anything call us
    Reservé tu cita
    Cita agendada con éxito.
    Se canceló tu cita.
    I made your appointment for Tuesday.
    Your spot is reserved.
    We have you scheduled for Monday.
    Reserva exitosa.
    Tu cita no solo está reservada sino confirmada.
    Your appointment was successfully rescheduled.
    Ya quedó.Tu cita está reservada.Gracias
    ya cancele tu cita
    Te inscribí como paciente
    Cambié tu cita para el jueves
    Tu cita fue movida.
    it's booked
    Your slot has been secured
    Your visit's booked
    Estás agendada para mañana
    Agendado para mañana a las 9
    ¿Sabías que tu cita ya está reservada?
    Tienes una cita el lunes a las 10
    Your booking reference is 12345
    Tu cita es el lunes a las 10 a.m. con el Dr. Ruiz
    He dejado reservada tu cita
    La cita quedó registrada
    Tu cita para el lunes a las 10 a.m. quedó confirmada.
    Perfecto, Laura: tu cita de cardiología para el lunes 3 a las 10:00 está confirmada.
    Tu cita con el Dr. Pérez para el martes ha quedado agendada exitosamente.
    ¡Excelente! He agendado tu consulta.
    La cita quedó agendada.
    Ya está reservada.
    Ya quedó agendada tu cita para mañana.
    Listo, ya te agendé.
    Listo, cita confirmada.
    He procedido a cancelar tu cita.
    Procedí a cancelar tu cita.
    Tu cita fue cancelada exitosamente.
    Tu reserva se canceló.
    La cita del lunes ya no está activa, fue cancelada.
    Tu cita ha sido trasladada al jueves.
    Hemos movido su cita al jueves.
    He reprogramado tu cita.
    Reprogramé la cita.
    Tu cita ahora es el jueves a las 3.
    Tu nueva cita es el jueves.
    Te he registrado correctamente.
    Quedaste registrada.
    Tu registro ha sido completado.
    Tus datos quedaron registrados.
    Has sido registrado como paciente.
    Registro completado.
    Registrado con éxito.
    Te dimos de alta en el sistema.
    Tu cuenta ha sido creada.
    Great news! Your appointment has been successfully booked.
    Your appointment has been confirmed for Monday, May 4.
    I just booked your appointment.
    I've gone ahead and cancelled it for you.
    Your appointment was cancelled.
    Appointment cancelled.
    Cancelled!
    Your appointment has been changed to Friday.
    I moved your appointment to Friday.
    Rescheduled to Friday.
    You're booked for Monday at 10.
    You are scheduled to see Dr. Ruiz on Monday.
    You're confirmed for Monday.
    Confirmed! See you Monday.
    Your slot is confirmed.
    Your reservation is complete.
    Booking confirmed.
    Status: booked
    Estado: confirmada
    I reserved the 10:00 slot for you.
    I have reserved Monday at 10 for you.
    We've got you down for Monday at 10.
    I've put you down for Monday.
    I was able to book your appointment.
    I managed to cancel your appointment.
    I've successfully registered you as a patient.
    You have been registered.
    Registration complete.
    You've been added to our system as a patient, and your registration is done.
    There is an appointment under your name on Monday.
    Hay una cita a tu nombre el lunes.
    Tienes cita con la Dra. Ruiz mañana a las 9.
    Tiene usted una cita el lunes.
    Your next appointment is on Friday.
    Your appointment with Dr. Ruiz is tomorrow at 9.
    The booking went through.
    Your appointment is all set.
    It's done: your appointment is booked.
    Yes, it is booked.
    Sí, quedó confirmada.
    Sí tu cita está reservada.
    No hay problema tu cita está reservada.
    If you were wondering, your appointment is booked.
    Cuando quieras, tu cita ya está reservada.
    As you asked, I have cancelled your appointment.
    Not to worry — your appointment is booked.
    Never fear, I booked it.
    Don't worry your appointment is confirmed
    No dudes que tu cita está confirmada.
    No olvides que tu cita quedó reservada para el lunes.
    Remember that your appointment is booked for Monday.
    ¡Felicitaciones! Quedas citado el lunes.
    tu cita esta confirmada
    TU CITA QUEDÓ RESERVADA
    YOUR APPOINTMENT IS BOOKED
    Tu cita está confirmada?No, espera. Your appointment is booked.
    Ｙour appointment is ｂooked.
    Tu cita, que pediste ayer, ya está reservada.
    La he reservado para ti.
    Lo cancelé.
    La cancelé hace un momento.
    Ya la cancelé.
    Te la moví al viernes.
    Te la reservé.
    Se reservó tu cita.
    Su cita se ha agendado.
    Se agendó su cita.
    Cita programada: lunes 10:00
    Cita reservada.
    ✅ Cita confirmada
    ✅ Booked: Monday 10:00
    1. Cita confirmada para el lunes
    - Your appointment is booked
    > Tu cita está reservada
    | Lunes | Reservada |
    <b>Booked</b>
    "Tu cita está reservada"
    Tu cita está "reservada".
    (Tu cita está reservada)
    Your appointment's been booked.
    Your appointment’s confirmed.
    I’ve booked you in.
    I’d already booked it.
    You’re booked in.
    She has booked your appointment.
    El sistema reservó tu cita.
    La doctora confirmó tu cita.
    Anna booked your appointment.
    Dejé tu cita reservada.
    Tu cupo está apartado.
    Te aparté el cupo del lunes.
    Te separé la cita.
    Te anoté para el lunes.
    Te apunté para el lunes.
    Te asigné la cita del lunes.
    Te conseguí una cita para el lunes.
    Your time slot has been secured.
    Your visit has been arranged.
    Your appointment has been set for Monday.
    I set up your appointment.
    I have deleted your appointment.
    I removed your booking.
    He eliminado tu cita.
    Your appointment is no longer active; I've cancelled it.
    You no longer have an appointment.
    Hecho: tu cita está reservada.
    Hecho, reservé tu cita.
    Your confirmation code is ABC123.
    Tu código de reserva es 12345.
    Here is your booking confirmation: Monday 10:00.
"""
DISGUISED = [
    "Tu cita est\u00e1 re\u00adservada.",
    "Tu cita está reser\u200bvada.",
    "Tu cita está re\u034fservada.",
    "Your appointment is b\u043e\u043eked.",
    "Your appointment is \uff42ooked.",
    "Tu cita qued\u006f\u0301 cancelada.",
    "Tu cita\nquedó reservada",
    "Your appointment with Dr.\nRuiz is booked",
    "re**serv**ada tu cita",
]
NO_CLAIMS = """
    Shall I book the appointment for Monday at 10:30? Say yes.
    Your appointment is not booked yet.
    ¿Confirmo tu cita del lunes?
    Tu cita aún no está confirmada.
    I can book, move and cancel appointments.
    The clinic opens at 8. Dr. Ruiz is there on Mondays.
    ¿La confirmo?
    Puedo reservar la cita si quieres.
    If you want I can book it for you.
    Para confirmar tu cita dime sí.
    Once it is booked, I will send you a reference.
    Cuando esté confirmada te aviso.
    Una vez que tu cita esté reservada recibirás un código.
    No he reservado nada.
    I have not booked anything.
    I haven't booked, moved or cancelled anything.
    No tienes citas reservadas.
    You don't have any appointments scheduled.
    You have no appointments booked.
    Tu cita no ha sido cancelada.
    Ninguna cita ha sido cancelada.
    Nothing has been booked yet.
    ¿Quieres que la reserve?
    Si quieres que la cancele, dime sí.
    Would you like me to cancel it?
    ¿Deseas ver tus citas agendadas?
    Puedo mostrarte tus citas reservadas.
    I can show you your booked appointments.
    Tu cita quedará reservada cuando respondas sí.
    Your appointment will be booked once you say yes.
    Tengo estas horas disponibles:
    1. Lunes 10:00, Dra. Ruiz
    2. Martes 11:00, Dr. Pérez
    ¿Cuál prefieres?
    Ese horario ya está reservado por otro paciente.
    That slot is already booked by someone else.
    That day is fully booked.
    Tu identidad ha sido confirmada.
    I've confirmed your identity.
    Gracias, he confirmado tus datos.
    Nuestro horario ha cambiado.
    Una enfermera te llamará. A registered nurse will call.
    Para registrarte necesito tu nombre.
    ¿Tienes una cita con nosotros?
    Do you have an appointment?
    Si tienes cita, trae tu documento.
    Hay citas disponibles el martes.
    Las citas confirmadas se pueden cancelar hasta 24 horas antes.
    ¿Quieres cancelar la cita o moverla?
    No pude reservar la cita porque el horario no está disponible.
    I could not book the appointment.
    La cita no se pudo cancelar.
    Reserve su cita llamando al 123.
    I am holding Monday 10:00 for a few minutes. Shall I confirm it?
    To confirm your appointment, say yes.
    Hola, soy Anna. ¿En qué te puedo ayudar hoy?
    De hecho, puedo ayudarte con tu cita.
    The doctor made a note about your results.
    ¿Ya está reservada tu cita?
    Is your appointment booked?
    La lista de citas está abajo.
    Your appointment would be on Monday at 10.
    La cita sería el lunes a las 10.
    Un momento, voy a reservar tu cita.
    I will book it now.
    Línea uno
    Línea dos 3.5 mg
    Anotado, gracias.
    Ningún cambio ha sido realizado.
    ¡Hola! Soy Anna, la asistente automática. Puedo buscar, reservar y cancelar citas.
    I can find, book and cancel appointments. What do you need?
    ¿Con qué especialidad quieres tu cita?
    Para reservar tu cita necesito tu documento y tu fecha de nacimiento.
    Estas horas están libres:
    1. lunes 10:00, Laura Ruiz, Cardiología
    ¿Cuál quieres?
    Te guardo el lunes a las 10:00 por unos minutos. ¿La confirmo? Responde sí o no.
    La clínica abre de lunes a viernes de 8 a 18.
    No he podido encontrar horarios libres.
    Lo siento, ese horario ya no está disponible.
    That time is no longer available.
    Entendido: no he guardado nada.
    Understood: I have not stored anything.
    I can't do that here.
    No encuentro citas a tu nombre.
    I don't see any appointments under your name.
    Todavía no tienes citas.
    You don't have an appointment yet.
    Would you like to book one?
    ¿Te gustaría reservar una?
    Do you want me to move it to Friday?
    ¿Quieres que la mueva al viernes?
    Which appointment do you want to cancel?
    ¿Cuál de tus citas quieres cancelar?
    If you'd like to cancel it, say yes.
    Once you confirm, I'll book it.
    Cuando confirmes, la reservo.
    After you say yes your appointment will be booked.
    It hasn't been booked yet.
    It isn't booked yet.
    Nothing has been cancelled.
    No se ha cancelado nada.
    Tu cita sigue igual, no la he cancelado.
    Your appointment has not been changed.
    I have not moved your appointment.
    No hemos registrado tus datos.
    You are not registered yet.
    Aún no estás registrado. ¿Quieres registrarte?
    Are you registered with us?
    ¿Estás registrado en la clínica?
    If you are not registered, I can register you.
    Si ya estás registrado, dime tu documento.
    Si todavía no estás registrado, puedo registrarte.
    If you already have an appointment, tell me.
    Appointments can be cancelled up to 24 hours before.
    Las citas pueden ser canceladas hasta 24 horas antes.
    Tu cita podría ser cancelada si no llegas.
    The doctor will confirm it.
    Una persona te contestará aquí.
    I have told the clinic's staff.
    Gracias por confirmar.
    Thanks for confirming your name.
    ¿Me confirmas tu documento?
    Please confirm your date of birth.
    The appointment lasts 20 minutes.
    Una cita dura 20 minutos.
    La cita cuesta 50 pesos.
    Please bring your ID to the appointment.
    Necesito que confirmes: ¿reservo el lunes a las 10?
    Antes de que tu cita esté confirmada, debes responder sí.
    Until it is confirmed, the slot is only held.
    Unless it is confirmed, it will expire.
    It needs to be confirmed.
    Queda por confirmar.
    La cita está pendiente de confirmación.
    Your appointment is awaiting confirmation.
    Shall I go ahead and cancel it?
    Let me book it.
    Déjame reservarla.
    Estoy buscando horarios.
    Your lab results are ready.
    Tus resultados están listos.
    The results were sent to your email.
    Tu documento quedó guardado? No.
    Thanks, I've updated your phone number.
    I have noted your preference.
    Nice to meet you, Laura.
    Hi! How are you?
    Your visit to the clinic should take an hour.
    La doctora Ruiz atiende los lunes.
    Dr. Ruiz is available on Monday at 10:00.
    Me has dicho que quieres cambiar la cita, ¿correcto?
    Entiendo que quieres cancelar tu cita del lunes.
    You asked to cancel your appointment; shall I?
    Ok, what did you have in mind?
    El pago se hace en la clínica.
"""
KNOWN = {"HM-ABC234": "booked", "HM-XYZ789": "cancelled"}


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def through(gate: TruthGate, text: str, size: int) -> str:
    pieces = [text[place : place + size] for place in range(0, len(text), size)]
    return "".join(gate.release(piece) for piece in pieces) + gate.finish("en")


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize("claim", [*lines(CLAIMS), *DISGUISED])
def test_a_claim_of_what_was_not_done_is_held_back(claim: str, size: int) -> None:
    shown = through(TruthGate(done=[]), f"Hello there. {claim}\n\nAnything else?", size)

    assert shown.startswith("Hello there.")
    assert shown.endswith(f"Anything else?{NOTE}")
    assert claim not in shown


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize("text", [*lines(NO_CLAIMS), "\n".join(lines(NO_CLAIMS))])
def test_what_claims_nothing_passes(text: str, size: int) -> None:
    assert through(TruthGate(done=[]), text, size) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("booked", "Your appointment is booked."),
        ("booked", "Tu cita quedó registrada para el lunes."),
        ("booked", "You have an appointment on Monday."),
        ("moved", "Your appointment has been moved to Friday."),
        ("moved", "Tienes cita el viernes."),
        ("cancelled", "Cancelé tu cita."),
        ("registered", "Te he registrado."),
    ],
)
def test_what_was_done_may_be_said(kind: str, text: str) -> None:
    others = {"booked", "moved", "cancelled", "registered"} - {kind} - {"moved"}

    assert through(TruthGate(done=[kind]), text, 4) == text
    if "have" not in text and "Tienes" not in text:
        assert through(TruthGate(done=others), text, 4) != text


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize(
    "text",
    [
        "Your appointment HM-ABC234 is confirmed for Monday.",
        "Tu cita con la Dra. Ruiz está confirmada (HM-ABC234).",
        "You have an appointment on Monday at 10 a.m. (hm-abc234).",
        "HM-XYZ789 was cancelled and HM-ABC234 is booked.",
        "Tienes 2 citas:\n1. Lunes 10:00, Dra. Ruiz, confirmada (HM-ABC234)\n2. Martes, cancelada (HM-XYZ789)\n¿Más?",
        "You have two appointments:\n- Monday: booked, HM-ABC234\n- Friday: cancelled, HM-XYZ789\n",
        "HM-ABC234\n- Fecha: lunes\n- Estado: reservada\n",
    ],
)
def test_a_stored_appointment_may_be_told_by_its_reference(text: str, size: int) -> None:
    assert through(TruthGate(done=[], references=KNOWN), text, size) == text
    assert through(TruthGate(done=[], references=list(KNOWN)), text, size) == text
    assert through(TruthGate(done=[]), text, size) != text


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize(
    "text",
    [
        "Your appointment HM-ABC234 has been cancelled.",
        "HM-XYZ789 is booked.",
        "HM-ABC234 has been moved to Friday.",
        "Your code is HM-QQQ222.",
        "¿Tu referencia es HM-QQQ222?",
        "HM-ABC234 is booked and your Friday appointment is booked, too.",
        "HM-ABC234 is booked, and HM-XYZ789 is booked.",
        "HM-ABC234 is yours. Your Friday appointment is booked.",
    ],
)
def test_a_reference_bears_out_only_its_own_status(text: str, size: int) -> None:
    assert through(TruthGate(done=[], references=KNOWN), text, size) != text


def test_text_without_a_claim_is_not_held() -> None:
    gate = TruthGate(done=[])

    assert [gate.release(piece) for piece in ("Buenos ", "días", ", Laura")] == ["Buenos ", "días", ", Laura"]


def test_a_sentence_without_end_is_judged_by_pieces() -> None:
    gate = TruthGate(done=[])
    text = "tu cita " + "y otra cosa " * 200

    assert len(text) - len(gate.release(text)) <= 600
    assert through(TruthGate(done=[]), text, 1) == text


@pytest.mark.parametrize("text", ["tu cita quedó ", "Dr. cita ", "reservada, ", "¿cita ", "c", "\u200b", "cita. "])
def test_holding_is_linear_in_the_text(text: str) -> None:
    long = (text * 20_000)[:20_000]
    started = time.process_time()
    through(TruthGate(done=[]), long, 1)

    assert time.process_time() - started < 5
